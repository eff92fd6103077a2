import { statement, type Statement } from '../db/sql.ts';

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

/** Columns a mail may read, by the paths of the merge language; reading a column nobody uses costs as much as using it. */
const fieldColumns = ['first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone', 'custom'] as const;

function columnsOf(paths: readonly string[]): { readonly key: string; readonly list: string } {
  const read = new Set(paths.map((path) => (path.startsWith('custom.') ? 'custom' : path)));
  const used = fieldColumns.filter((column) => read.has(column));
  // The key is part of the prepared name, which ends at 63 bytes.
  return { key: fieldColumns.map((column) => (read.has(column) ? 1 : 0)).join(''), list: ['m.ordinal', 'm.attempt', 'm.customer_id as "customerId"', 'm.variant', 'c.email', ...used.map((column) => `c.${column}`)].join(', ') };
}

/** $1 mail, $2 after this ordinal, $3 up to this one, $4 rows. @param paths fields the mail reads */
export function pageStatement(paths: readonly string[]): Statement {
  const { key, list } = columnsOf(paths);
  return statement(`ledger-page-${key}`, /* sql */ `
select ${list}
  from message m join customer c on c.id = m.customer_id
 where m.mail_no = $1 and m.ordinal > $2 and m.ordinal <= $3 and m.state = 0
   and not exists (select 1 from retry r where r.mail_no = m.mail_no and r.ordinal = m.ordinal)
 order by m.ordinal limit $4`);
}

/** $1 mail, $2 rows, $3 connection. @param paths fields the mail reads */
export function retryPageStatement(paths: readonly string[]): Statement {
  const { key, list } = columnsOf(paths);
  return statement(`ledger-retry-page-${key}`, /* sql */ `
select ${list}
  from retry r join message m on m.mail_no = r.mail_no and m.ordinal = r.ordinal join customer c on c.id = m.customer_id
 where r.mail_no = $1 and r.due_at <= now() and m.state = 0 and m.connection_no = $3
 order by m.ordinal limit $2`);
}
