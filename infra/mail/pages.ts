import { statement, type Sql, type Statement } from '../db/sql.ts';

/** A pending message with the person it goes to: her address and the fields the mail reads. */
export interface PageRow {
  readonly ordinal: number;
  readonly attempt: number;
  readonly customerId: number;
  /** What she was to get at an earlier attempt, or null. */
  readonly variant: number | null;
  readonly email: string;
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** Somebody whose turn it is; a retry stands in the table of retries until it is granted. */
export type Person = PageRow & { readonly isRetry?: boolean };

/** Where a run takes its people from, page by page. */
export interface Supply {
  /** Whether nobody comes any more. */
  readonly isExhausted: boolean;
  /** The first ordinal that was not looked at. */
  readonly next: number;
  /** @param queued those who came and were not granted yet @returns null when there is nothing to read at this moment */
  read(queued: readonly Person[], now: number): Promise<readonly Person[]> | null;
}

/** People of one page at most. */
export const PAGE = 1_000;
/** Due retries are looked for this often while a range is sent. */
const RETRIES_EVERY_MS = 5_000;

export interface RangeSupplyOptions {
  readonly sql: Sql;
  readonly mailNo: number;
  readonly connectionNo: number;
  /** Fields the mail reads. */
  readonly paths: readonly string[];
  readonly from: number;
  readonly to: number;
  /** Pending messages of the range; due retries of the whole mail over this connection; or both. */
  readonly reads: 'range' | 'retries' | 'both';
}

/** What is pending between two ordinals, in their order. */
export class RangeSupply implements Supply {
  readonly #o: RangeSupplyOptions;
  #paged: number;
  #retriesAt = 0;
  isExhausted: boolean;

  constructor(options: RangeSupplyOptions) {
    this.#o = options;
    this.#paged = options.from - 1;
    this.isExhausted = options.reads === 'retries';
  }

  get next(): number {
    return this.isExhausted ? this.#o.to + 1 : this.#paged + 1;
  }

  read(queued: readonly Person[], now: number): Promise<readonly Person[]> | null {
    const { reads } = this.#o;
    if (reads !== 'range' && now - this.#retriesAt >= RETRIES_EVERY_MS) {
      // One page of due retries at a time: what is left has its turn in the next.
      const isWanted = reads === 'both' || this.#retriesAt === 0;
      this.#retriesAt = now;
      return isWanted ? this.#retries(queued) : null;
    }
    return this.isExhausted ? null : this.#range();
  }

  async #retries(queued: readonly Person[]): Promise<Person[]> {
    const { sql, mailNo, connectionNo, paths } = this.#o;
    const rows = await sql.rows<PageRow>(retryPageStatement(paths), [mailNo, PAGE, connectionNo]);
    const known = new Set(queued.filter((person) => person.isRetry).map((person) => person.ordinal));
    return rows.filter((row) => !known.has(row.ordinal)).map((row) => ({ ...row, isRetry: true }));
  }

  async #range(): Promise<Person[]> {
    const { sql, mailNo, paths, to } = this.#o;
    const rows = await sql.rows<PageRow>(pageStatement(paths), [mailNo, this.#paged, to, PAGE]);
    this.#paged = rows.at(-1)?.ordinal ?? this.#paged;
    this.isExhausted = rows.length < PAGE;
    return rows;
  }
}

/** Exactly these messages, as far as they are pending and no retry of theirs is to come. @param ordinals at most a page */
export class ChosenSupply implements Supply {
  readonly #o: Pick<RangeSupplyOptions, 'sql' | 'mailNo' | 'paths'> & { readonly ordinals: readonly number[] };
  isExhausted = false;
  readonly next = 0;

  constructor(options: Pick<RangeSupplyOptions, 'sql' | 'mailNo' | 'paths'> & { readonly ordinals: readonly number[] }) {
    this.#o = options;
  }

  read(): Promise<readonly Person[]> | null {
    if (this.isExhausted) return null;
    const { sql, mailNo, paths, ordinals } = this.#o;
    this.isExhausted = true;
    return sql.rows<Person>(chosenPageStatement(paths), [mailNo, ordinals]);
  }
}

/** Columns a mail may read, by the paths of the merge language; reading a column nobody uses costs as much as using it. */
const fieldColumns = ['first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone', 'custom'] as const;

/** The event that brought the person of message `m` into her journey, as `fieldsOf` reads it. */
export const ENTRY_EVENT = /* sql */ `
(select jsonb_build_object('name', coalesce(v.detail->>'name', v.type), 'at', v.occurred_at, 'properties', v.detail->'properties')
   from enrollment n join event v on v.id = n.entry_event_id where n.id = m.enrollment_id) as event`;

function columnsOf(paths: readonly string[]): { readonly key: string; readonly list: string } {
  const read = new Set(paths.map((path) => (path.startsWith('custom.') ? 'custom' : path)));
  const used = fieldColumns.filter((column) => read.has(column));
  const readsEvent = paths.some((path) => path.startsWith('event.'));
  // The key is part of the prepared name, which ends at 63 bytes.
  return {
    key: [...fieldColumns.map((column) => read.has(column)), readsEvent].map(Number).join(''),
    list: ['m.ordinal', 'm.attempt', 'm.customer_id as "customerId"', 'm.variant', 'c.email', ...used.map((column) => `c.${column}`), ...(readsEvent ? [ENTRY_EVENT] : [])].join(', '),
  };
}

/** $1 mail, $2 after this ordinal, $3 up to this one, $4 rows. @param paths fields the mail reads */
function pageStatement(paths: readonly string[]): Statement {
  const { key, list } = columnsOf(paths);
  return statement(`ledger-page-${key}`, /* sql */ `
select ${list}
  from message m join customer c on c.id = m.customer_id
 where m.mail_no = $1 and m.ordinal > $2 and m.ordinal <= $3 and m.state = 0
   and not exists (select 1 from retry r where r.mail_no = m.mail_no and r.ordinal = m.ordinal)
 order by m.ordinal limit $4`);
}

/** $1 mail, $2 rows, $3 connection. @param paths fields the mail reads */
function retryPageStatement(paths: readonly string[]): Statement {
  const { key, list } = columnsOf(paths);
  return statement(`ledger-retry-page-${key}`, /* sql */ `
select ${list}
  from retry r join message m on m.mail_no = r.mail_no and m.ordinal = r.ordinal join customer c on c.id = m.customer_id
 where r.mail_no = $1 and r.due_at <= now() and m.state = 0 and m.connection_no = $3
 order by m.ordinal limit $2`);
}

/** $1 mail, $2 ordinals. @param paths fields the mail reads */
function chosenPageStatement(paths: readonly string[]): Statement {
  const { key, list } = columnsOf(paths);
  return statement(`ledger-chosen-page-${key}`, /* sql */ `
select ${list}, r.ordinal is not null as "isRetry"
  from message m join customer c on c.id = m.customer_id left join retry r on r.mail_no = m.mail_no and r.ordinal = m.ordinal
 where m.mail_no = $1 and m.ordinal = any($2::int[]) and m.state = 0 and (r.ordinal is null or r.due_at <= now())
 order by m.ordinal`);
}
