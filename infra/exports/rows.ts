import { parseNumber } from '#domain/customer/fields.ts';
import { countPicked, pickRecipients, SLICE, type RecipientFilter } from '../reports/recipients.ts';
import type { Tenant } from '../tenancy/registry.ts';
import { AppError } from '#domain/shared/errors.ts';
import { countCustomers, streamFiltered, type CustomerFilter } from '../../search/population.ts';
import { columnsOf, type ExportRow } from './columns.ts';
import { reportRows } from './report-rows.ts';
import type { ExportKind, ExportOptions } from './export-job.ts';

/** Rows of one statement: a few megabytes, whatever the export holds in all. */
const PAGE = 2_000;

/** An export as it is read: its columns, how many rows are expected (null: not known), the rows in pages. */
export interface ExportSource {
  readonly columns: readonly string[];
  readonly total: number | null;
  readonly pages: AsyncIterable<readonly ExportRow[]>;
}

/**
 * Everybody and lists are read by key from the database; who a filter or segment means is streamed from the index as it
 * stands at one moment, after all writes acknowledged before, and their rows from the database.
 * @param onWait called about once a second while the index is waited for
 * @throws AppError `invalid` when the list, segment or campaign is gone
 */
export async function openExport(tenant: Tenant, kind: ExportKind, options: ExportOptions, onWait: () => void): Promise<ExportSource> {
  const keys = (await tenant.sql.rows<{ key: string }>('select key from custom_field where not removing order by field_no')).map((field) => field.key);
  const columns = options.columns ?? columnsOf(kind, keys).own;
  switch (kind) {
    case 'customers': {
      if (options.ids !== undefined) return { columns, total: options.ids.length, pages: byIds(tenant, columns, once([...options.ids])) };
      return { columns, ...(options.filter === undefined ? await everybody(tenant, columns) : await filtered(tenant, options.filter, columns, onWait)) };
    }
    case 'list': return { columns, ...(await ofList(tenant, options.listId!, columns)) };
    case 'segment': {
      await mustExist(tenant, 'segment', options.segmentId!);
      return { columns, ...(await filtered(tenant, { rule: { op: 'and', parts: [{ segment: options.segmentId!, in: true }] } }, columns, onWait)) };
    }
    case 'suppressions': return { columns, total: await count(tenant, 'select count(*) as n from suppression'), pages: keyed(tenant, SUPPRESSIONS, '') };
    case 'events': return { columns, ...(await events(tenant, options.campaignId)) };
    case 'recipients': return { columns, ...(await recipients(tenant, options.campaignId!, options.recipients ?? {}, onWait)) };
    default: {
      const mail = options.campaignId === undefined ? null : { mailNo: await mailOf(tenant, options.campaignId), name: (await tenant.sql.first<{ name: string }>('select name from campaign where id = $1', [options.campaignId]))?.name ?? '' };
      const rows = await reportRows(tenant, kind, options, mail);
      return { columns, total: rows.length, pages: once(rows) };
    }
  }
}

type Rest = Omit<ExportSource, 'columns'>;

async function everybody(tenant: Tenant, columns: readonly string[]): Promise<Rest> {
  return { total: await count(tenant, 'select count(*) as n from customer'), pages: map(keyed(tenant, `${customerStatement(columns)} where c.id > $1 order by c.id limit $2`, 0), toCustomerRow) };
}

async function ofList(tenant: Tenant, listId: string, columns: readonly string[]): Promise<Rest> {
  await mustExist(tenant, 'list', listId);
  // The page is cut before the join: joined first, each page read the customers from the beginning (500,000 members: 20 s instead of 4).
  const page = '(select customer_id from list_member where list_id = $3 and customer_id > $1 order by customer_id limit $2) m';
  const statement = `${customerStatement(columns, `${page} join customer c on c.id = m.customer_id`)} order by m.customer_id`;
  return { total: await count(tenant, 'select coalesce(sum(added - removed), 0) as n from list_count where list_id = $1', [listId]), pages: map(keyed(tenant, statement, 0, listId), toCustomerRow) };
}

async function filtered(tenant: Tenant, filter: CustomerFilter, columns: readonly string[], onWait: () => void): Promise<Rest> {
  // The number is for the progress bar alone: an index that is behind does not keep the export waiting for it.
  const total = await countCustomers(tenant, filter).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'unavailable') return null;
    throw error;
  });
  return { total, pages: byIds(tenant, columns, streamFiltered(tenant, filter, { onWait })) };
}

/** Rows of customers by pages of their ids; who was erased meanwhile is left out. */
async function* byIds(tenant: Tenant, columns: readonly string[], idPages: AsyncIterable<readonly number[]>): AsyncIterable<ExportRow[]> {
  const statement = `${customerStatement(columns)} where c.id = any($1)`;
  for await (const ids of idPages) {
    for (let i = 0; i < ids.length; i += PAGE) yield (await tenant.sql.rows<ExportRow>(statement, [ids.slice(i, i + PAGE)])).map(toCustomerRow);
  }
}

async function* once<T>(page: T): AsyncIterable<T> {
  yield page;
}

async function events(tenant: Tenant, campaignId: string | undefined): Promise<Rest> {
  const mailNo = campaignId === undefined ? null : await mailOf(tenant, campaignId);
  async function* pages(): AsyncIterable<ExportRow[]> {
    yield* keyed(tenant, EVENTS, 0, mailNo);
    const mails = mailNo === null ? (await tenant.sql.rows<{ no: number }>('select no from mail order by no')).map((mail) => mail.no) : [mailNo];
    for (const no of mails) yield* keyed(tenant, SENT, 0, no);
  }
  const total = await count(tenant,
    'select (select count(*) from event where $1::int is null or mail_no = $1) + (select coalesce(sum(sent), 0) from mail_count where $1::int is null or mail_no = $1) as n', [mailNo]);
  return { total, pages: pages() };
}

async function recipients(tenant: Tenant, campaignId: string, filter: RecipientFilter, onWait: () => void): Promise<Rest> {
  const mailNo = await mailOf(tenant, campaignId);
  const picked = await pickRecipients(tenant, filter, onWait);
  if (picked === null) return { total: 0, pages: once([]) };
  const statement = `${RECIPIENT} from (${picked.statement}) m left join customer u on u.id = m.customer_id ${SLICE} left join connection n on n.no = coalesce(m.connection_no, s.connection_no) order by m.ordinal`;
  return { total: await countPicked(tenant, mailNo, picked), pages: pagesFrom(0, (after) => tenant.sql.rows<ExportRow>(statement, [mailNo, after, PAGE, ...picked.values])) };
}

/** Pages of a statement ordered by a column it calls `key`. $1 the last key, $2 the page's size, $3 `about` if given. */
function keyed(tenant: Tenant, statement: string, first: string | number, about?: string | number | null): AsyncIterable<ExportRow[]> {
  return pagesFrom(first, (after) => tenant.sql.rows<ExportRow>(statement, [after, PAGE, ...(about === undefined ? [] : [about])]));
}

async function* pagesFrom(first: string | number, read: (after: unknown) => Promise<ExportRow[]>): AsyncIterable<ExportRow[]> {
  for (let after: unknown = first; ; ) {
    const rows = await read(after);
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)!['key'];
  }
}

async function* map(pages: AsyncIterable<readonly ExportRow[]>, change: (row: ExportRow) => ExportRow): AsyncIterable<ExportRow[]> {
  for await (const rows of pages) yield rows.map(change);
}

/** Lists cost a look-up per customer, so they are read when a column shows them. */
function customerStatement(columns: readonly string[], from = 'customer c'): string {
  const lists = columns.includes('lists') ? `(select string_agg(l.name, '; ' order by lower(l.name)) from list_member x join list l on l.id = x.list_id where x.customer_id = c.id)` : 'null';
  return /* sql */ `
select c.id as key, c.id, c.email, c.first_name, c.last_name, c.phone, c.city, c.country, c.score, c.timezone, c.custom, c.is_unsubscribed, c.is_bounced,
  case when c.is_suppressed then 'suppressed' else 'active' end as suppression_status, c.created_at, c.updated_at, ${lists} as lists from ${from}`;
}

function toCustomerRow(row: ExportRow): ExportRow {
  const { custom, ...own } = row;
  return { ...(custom as Record<string, string>), ...own, score: typeof row['score'] === 'number' ? decimal(row['score']) : null };
}

/** A number as an import reads it, where it can: without an exponent, at most 15 digits. */
function decimal(number: number): string {
  const exact = [String(number), number.toFixed(14).replace(/\.?0+$/, '')].find((text) => parseNumber(text) === number);
  const rounded = String(Number(number.toPrecision(15)));
  return exact ?? (parseNumber(rounded) === null ? String(number) : rounded);
}

const SUPPRESSIONS = /* sql */ `
select email_key as key, email, reason, source, cause, note, created_at from suppression where email_key > $1 order by email_key limit $2`;

/** Of mails `q` of journeys and their messages `m`. */
const JOURNEY = 'q.ref_id::text as journey_id, q.version_no as journey_version, q.step_id, m.enrollment_id';

const EVENTS = /* sql */ `
select e.id as key, e.id, e.type as event_type, e.occurred_at, e.customer_id, u.email as customer_email, c.id::text as campaign_id, c.name as campaign, ${JOURNEY}, n.name as connection, chr(64 + m.variant) as variant, e.mail_no || '-' || e.ordinal as message_id, k.url, e.source,
  e.detail->>'class' as bounce_class, coalesce(e.detail->>'reason', e.detail->>'reply') as reason, e.country, e.city, e.client, e.device, e.machine, e.machine_reason, e.detail->'properties' as properties
from event e left join customer u on u.id = e.customer_id left join campaign c on c.mail_no = e.mail_no left join mail q on q.no = e.mail_no and q.kind = 'journey' left join link k on k.mail_no = e.mail_no and k.no = e.link_no
  left join message m on m.mail_no = e.mail_no and m.ordinal = e.ordinal left join connection n on n.no = m.connection_no
where e.id > $1 and ($3::int is null or e.mail_no = $3::int) and e.type <> 'sent' order by e.id limit $2`;

// The ledger's own rows are the sent events: they are not written twice.
const SENT = /* sql */ `
select m.ordinal as key, m.mail_no || '-' || m.ordinal as id, 'sent' as event_type, m.ended_at as occurred_at, u.id as customer_id, u.email as customer_email,
  c.id::text as campaign_id, c.name as campaign, ${JOURNEY}, n.name as connection, chr(64 + m.variant) as variant, m.mail_no || '-' || m.ordinal as message_id, 'ledger' as source, false as machine
from message m left join customer u on u.id = m.customer_id left join campaign c on c.mail_no = m.mail_no left join mail q on q.no = m.mail_no and q.kind = 'journey' left join connection n on n.no = m.connection_no
where m.mail_no = $3 and m.ordinal > $1 and m.state = 2 order by m.ordinal limit $2`;

const RECIPIENT = /* sql */ `
select m.ordinal as key, u.id as customer_id, u.email, (array['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'])[m.state + 1] as state, m.reason, m.reply, m.attempt as attempts,
  n.name as connection, chr(64 + coalesce(m.variant, s.variant)) as variant, case m.state when 2 then m.ended_at end as sent_at, m.delivered_at, m.first_opened_at as opened_at, m.first_clicked_at as clicked_at, m.open_count as opens, m.click_count as clicks,
  m.bounced_at, m.complained_at, m.unsubscribed_at`;

async function count(tenant: Tenant, statement: string, values: readonly unknown[] = []): Promise<number> {
  return Number((await tenant.sql.first<{ n: number }>(statement, values))!.n);
}

async function mustExist(tenant: Tenant, table: 'list' | 'segment', id: string): Promise<void> {
  if ((await tenant.sql.first(`select 1 as found from ${table} where id = $1`, [id])) === undefined) throw new AppError('invalid', `The ${table} was deleted meanwhile.`);
}

async function mailOf(tenant: Tenant, campaignId: string): Promise<number> {
  const row = await tenant.sql.first<{ no: number }>('select mail_no as no from campaign where id = $1', [campaignId]);
  if (row === undefined) throw new AppError('invalid', 'The campaign was deleted meanwhile.');
  return row.no;
}
