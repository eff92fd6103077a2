import type { CampaignTarget } from '#domain/campaign/targets.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { countFinalAmong, estimateAudience, sampleAudience, type AudienceEstimate, type EstimateLine } from '../../../search/audience.ts';

/** People shown of a line. */
const EXAMPLES = 20;
/** Ids asked for at once among the final recipients. */
const CAPPED_PAGE = 50_000;

/**
 * The audience line by line, exact, and how many of the final recipients the frequency cap would hold back now.
 * Lists alone are counted by the database, so they go on while the index is away.
 */
export async function estimate(tenant: Tenant, targets: readonly CampaignTarget[]): Promise<AudienceEstimate & { readonly capped: number }> {
  if (!targets.some((target) => target.mode === 'include')) return { ...nobody, targets: targets.map(() => 0), capped: 0 };
  const lines = isOfLists(targets) ? await estimateLists(tenant.sql, targets) : await estimateAudience(tenant, targets);
  return { ...lines, capped: await countCapped(tenant, targets) };
}

/** Some of the people of a line, newest first. */
export async function examples({ sql, ...tenant }: Tenant, targets: readonly CampaignTarget[], line: EstimateLine): Promise<{ customerId: number; email: string; firstName: string | null; lastName: string | null }[]> {
  const ids = isOfLists(targets)
    ? (await sql.rows<{ id: number }>(`${PERSON} select id from person where ${LINES[line]} order by id desc limit ${EXAMPLES}`, listsOf(targets))).map((row) => row.id)
    : await sampleAudience({ sql, ...tenant }, targets, line, EXAMPLES);
  return sql.rows('select id as "customerId", email, first_name as "firstName", last_name as "lastName" from customer where id = any($1) order by id desc', [ids]);
}

const nobody = { included: 0, duplicates: 0, excluded: 0, suppressed: 0, unsubscribed: 0, bounced: 0, final: 0 };
const isOfLists = (targets: readonly CampaignTarget[]) => targets.every((target) => target.kind === 'list');
const listsOf = (targets: readonly CampaignTarget[]) => (['include', 'exclude'] as const).map((mode) => targets.filter((target) => target.mode === mode).map((target) => target.id));

/** $1 included, $2 excluded lists. */
const PERSON = /* sql */ `
with member as (select customer_id, count(*) as times from list_member where list_id = any($1::uuid[]) group by customer_id),
person as (
  select c.id, c.mailable, c.is_unsubscribed, c.is_bounced, m.times, exists (select 1 from list_member x where x.customer_id = c.id and x.list_id = any($2::uuid[])) as is_excluded
    from member m join customer c on c.id = m.customer_id)`;

/** The first line that fits; `included` and `duplicates` look before the others. */
const LINES: Readonly<Record<EstimateLine, string>> = {
  included: 'true',
  duplicates: 'times > 1',
  excluded: 'is_excluded',
  suppressed: 'not is_excluded and not mailable and not is_unsubscribed and not is_bounced',
  unsubscribed: 'not is_excluded and is_unsubscribed',
  bounced: 'not is_excluded and is_bounced and not is_unsubscribed',
  final: 'not is_excluded and mailable',
};

async function estimateLists(sql: Sql, targets: readonly CampaignTarget[]): Promise<AudienceEstimate> {
  const counted = (['excluded', 'suppressed', 'unsubscribed', 'bounced', 'final'] as const).map((line) => `count(*) filter (where ${LINES[line]})::int as ${line}`).join(', ');
  const row = (await sql.first<Omit<AudienceEstimate, 'duplicates' | 'targets'> & { everyone: number }>(
    `${PERSON} select coalesce(sum(times), 0)::int as included, count(*)::int as everyone, ${counted} from person`, listsOf(targets)))!;
  const sizes = new Map((await sql.rows<{ id: string; size: number }>(
    'select list_id::text as id, count(*)::int as size from list_member where list_id = any($1::uuid[]) group by 1', [targets.map((target) => target.id)])).map(({ id, size }) => [id, size]));
  const { everyone, ...lines } = row;
  return { ...lines, duplicates: row.included - everyone, targets: targets.map((target) => sizes.get(target.id) ?? 0) };
}

/** Who has had as many mails as the cap allows, read from the campaigns that sent within its days. */
async function countCapped(tenant: Tenant, targets: readonly CampaignTarget[]): Promise<number> {
  const { sql } = tenant;
  const full = (await sql.rows<{ id: number }>(
    `select m.customer_id as id from sending_setting s join mail on s.cap_mails is not null join message m on m.mail_no = mail.no
      where m.state in (1, 2, 5) and m.started_at > now() - make_interval(days => s.cap_days)
        and exists (select from mail_count n where n.mail_no = mail.no and n.hour > now() - make_interval(days => s.cap_days + 1))
      group by m.customer_id, s.cap_mails having count(*) >= s.cap_mails order by 1`)).map((row) => row.id);
  if (full.length === 0) return 0;
  if (isOfLists(targets)) return (await sql.first<{ n: number }>(`${PERSON} select count(*)::int as n from person where ${LINES.final} and id = any($3::bigint[])`, [...listsOf(targets), full]))!.n;
  let capped = 0;
  for (let i = 0; i < full.length; i += CAPPED_PAGE) capped += await countFinalAmong(tenant, targets, full.slice(i, i + CAPPED_PAGE));
  return capped;
}
