import { toDocument, typedCustom } from '#domain/customer/document.ts';
import { standardFields } from '#domain/customer/fields.ts';
import type { Value } from '#domain/content/values.ts';
import type { Member, Part, StepMail } from '#domain/journey/nodes/node.ts';
import { readCatalogue } from '../../search/catalogue.ts';
import { readCustomerRows } from '../../search/rows.ts';
import { liveIndex } from '../../search/versions.ts';
import { statement, type Sql } from '../db/sql.ts';
import type { Tenant } from '../tenancy/registry.ts';
import { readJourneyEvents } from './journey-events.ts';

/** Where people stand: a step of a cohort. */
export interface Place {
  readonly journeyId: string;
  readonly cohortId: number;
  readonly node: string;
}

/** A member with what only her row needs. */
export interface Standing extends Member {
  /** Her event that woke her, whether or not it is still there. */
  readonly wokenById: number | null;
  /** The event that brought her in. */
  readonly entryEventId: number | null;
  /** She was erased without leaving the journey. */
  readonly isGone: boolean;
}

interface Row {
  readonly id: number; readonly customerId: number; readonly visit: number; readonly arrivedAt: number; readonly wokenBy: number | null; readonly entryEventId: number | null;
  readonly foundId: number | null; readonly timezone: string | null; readonly custom?: Readonly<Record<string, string>>;
}

const own = Object.keys(standardFields);

// By the cohort, whose thousand are looked through. With "or" the planner takes the indexes of all who are due or were woken: 35 ms
// for ten of a cohort while 10,000 of a million were woken.
const pageText = (withFields: boolean) => /* sql */ `
select e.id, e.customer_id as "customerId", e.visit, (extract(epoch from e.arrived_at) * 1000)::bigint as "arrivedAt",
       e.woken_by as "wokenBy", e.entry_event_id as "entryEventId", c.id as "foundId", c.timezone${withFields ? `, c.custom, ${own.map((field) => `c.${field}`).join(', ')}` : ''}
  from enrollment e left join customer c on c.id = e.customer_id
 where e.cohort_id = $1 and e.node_id = $2 and e.state = 'active' and e.id > $3 and case when e.woken_by is null then e.due_at <= to_timestamp($4::float8 / 1000) else true end
 order by e.id limit $5`;
const pages = { plain: statement('journey-members', pageText(false)), fields: statement('journey-members-fields', pageText(true)) };

/**
 * Members of a cohort who are to be asked on a step: new there, due, or woken, in the order of their runs.
 * @param reads parts of them that the kind needs
 * @param page those after an id; at most `limit`
 */
export async function readMembers(tenant: Pick<Tenant, 'org' | 'sql'>, place: Place, reads: ReadonlySet<Part>, now: number, page: { readonly after: number; readonly limit: number }): Promise<Standing[]> {
  const { sql } = tenant;
  const rows = await sql.rows<Row>(reads.has('fields') ? pages.fields : pages.plain, [place.cohortId, place.node, page.after, now, page.limit]);
  if (rows.length === 0) return [];
  const [events, fieldsOfRow, documents, sends] = await Promise.all([
    readJourneyEvents(sql, rows.flatMap((row) => [...(row.wokenBy === null ? [] : [row.wokenBy]), ...(reads.has('event') && row.entryEventId !== null ? [row.entryEventId] : [])])),
    reads.has('fields') ? fieldReader(tenant) : null,
    reads.has('document') ? readDocuments(tenant, rows.map((row) => row.customerId)) : null,
    reads.has('sends') ? readSends(sql, place.journeyId, rows) : null,
  ]);
  return rows.map((row) => {
    const document = documents?.get(row.customerId);
    return {
      enrollmentId: row.id, customerId: row.customerId, visit: row.visit, arrivedAt: row.arrivedAt, timezone: row.timezone,
      isGone: row.foundId === null, entryEventId: row.entryEventId, wokenById: row.wokenBy, wokenBy: row.wokenBy === null ? null : (events.get(row.wokenBy) ?? null),
      ...(fieldsOfRow === null ? {} : { fields: fieldsOfRow(row) }),
      ...(document === undefined ? {} : { document }),
      ...(sends === null ? {} : { sends: sends.get(row.id) ?? [] }),
      ...(reads.has('event') ? { event: row.entryEventId === null ? null : (events.get(row.entryEventId) ?? null) } : {}),
    };
  });
}

/** Fields by path of the merge language, custom ones by their types. */
async function fieldReader(tenant: Pick<Tenant, 'sql'>): Promise<(row: Row) => Record<string, Value>> {
  const catalogue = await readCatalogue(tenant);
  return (row) => {
    const fields: Record<string, Value> = {};
    for (const field of own) fields[field] = (row as unknown as Record<string, Value>)[field];
    for (const [key, value] of Object.entries(typedCustom(row.custom ?? {}, catalogue))) fields[`custom.${key}`] = value;
    return fields;
  };
}

async function readDocuments(tenant: Pick<Tenant, 'org' | 'sql'>, customerIds: readonly number[]) {
  const [{ catalogue, zone }, rows] = await Promise.all([liveIndex(tenant), readCustomerRows(tenant, customerIds)]);
  return new Map(rows.map((row) => [row.id, toDocument(row, catalogue, zone)]));
}

/** The last mail of each send step that a run sent, by run. By customer first: that is what the ledger's key begins with. */
async function readSends(sql: Pick<Sql, 'rows'>, journeyId: string, rows: readonly Row[]): Promise<Map<number, StepMail[]>> {
  const mails = await sql.rows<StepMail & { enrollmentId: number }>(SENDS, [journeyId, rows.map((row) => row.customerId), rows.map((row) => row.id)]);
  const byRun = new Map<number, StepMail[]>();
  for (const { enrollmentId, ...mail } of mails) byRun.set(enrollmentId, [...(byRun.get(enrollmentId) ?? []), mail]);
  return byRun;
}

const ms = (time: string) => `(extract(epoch from ${time}) * 1000)::bigint`;
const SENDS = statement('journey-sends', /* sql */ `
select distinct on (m.enrollment_id, mail.step_id) m.enrollment_id as "enrollmentId", mail.step_id as node,
       ${ms('coalesce(m.ended_at, m.started_at)')} as "sentAt", ${ms('m.first_opened_at')} as "openedAt", ${ms('m.first_clicked_at')} as "clickedAt"
  from unnest($2::bigint[], $3::bigint[]) u(customer_id, enrollment_id) join message m on m.customer_id = u.customer_id and m.enrollment_id = u.enrollment_id and m.state in (2, 5)
  join mail on mail.no = m.mail_no and mail.ref_id = $1
 order by m.enrollment_id, mail.step_id, m.visit desc`);
