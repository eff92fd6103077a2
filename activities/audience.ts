import { usedConnections, type Delivery } from '#domain/campaign/delivery.ts';
import { BANDIT_BATCHES, planTest, type Experiment } from '#domain/campaign/experiment.ts';
import { waveOf, type Schedule } from '#domain/campaign/schedule.ts';
import { planSlices, type Slice, type TestPlan } from '#domain/campaign/slices.ts';
import type { CampaignTarget } from '#domain/campaign/targets.ts';
import { isTimeZone } from '#domain/shared/time.ts';
import { AppError } from '#domain/shared/errors.ts';
import { FREEZE_AUDIENCE } from '../infra/customers/erase.ts';
import type { Transaction } from '../infra/db/sql.ts';
import { analyzeGrown } from '../infra/db/statistics.ts';
import type { TrackedLink } from '../infra/mail/variants.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { streamCustomerIds } from '../search/audience.ts';
import type { CampaignInput } from '../workflows/contracts.ts';

type Mail = Pick<CampaignInput, 'campaignId' | 'mailNo'>;

/**
 * Resolves a campaign's targets and freezes who is in: a ledger row each with an ordinal in seeded random order, so that
 * any range is a random sample, and the slices that say when and over what each leaves. All rows appear in one
 * transaction. Begun again it starts over.
 * @param links destinations of the mail's links, fixed with it
 * @param onProgress called after each page of up to 10,000 ids and about once a second while waiting for the index
 * @returns number of recipients
 */
export async function resolveAudience(tenant: Tenant, mail: Mail, links: readonly TrackedLink[], onProgress: () => void): Promise<number> {
  return freeze(tenant, mail, links, await stage(tenant, mail, onProgress));
}

/** What one attempt staged: another attempt at the same mail, or a crash of the database, may take it away. */
interface Staged {
  readonly attempt: number;
  readonly size: number;
}

async function stage(tenant: Tenant, { campaignId, mailNo }: Mail, onProgress: () => void): Promise<Staged> {
  const campaign = await tenant.sql.first<{ targets: CampaignTarget[] }>('select targets from campaign where id = $1', [campaignId]);
  const targets = campaign?.targets ?? [];
  const attempt = (await tenant.sql.first<{ epoch: number }>('update mail set epoch = epoch + 1 where no = $1 returning epoch', [mailNo]))?.epoch ?? 0;
  await tenant.sql.run('delete from audience_staging where mail_no = $1', [mailNo]);
  if (targets.every((target) => target.kind === 'list')) {
    // Lists alone need no index: a launch to them goes on while it is down.
    const idsOf = (mode: CampaignTarget['mode']) => targets.filter((target) => target.mode === mode).map((target) => target.id);
    const size = await tenant.sql.run(
      `insert into audience_staging (mail_no, attempt, customer_id)
       select distinct $1::int, $4::int, customer_id from list_member m where list_id = any($2::uuid[])
          and not exists (select from list_member e where e.list_id = any($3::uuid[]) and e.customer_id = m.customer_id)`,
      [mailNo, idsOf('include'), idsOf('exclude'), attempt]);
    return { attempt, size };
  }
  // Writing a page goes on while the next one is read.
  let size = 0;
  let writing: Promise<unknown> = Promise.resolve();
  for await (const ids of streamCustomerIds(tenant, targets, { onWait: onProgress })) {
    await writing;
    writing = tenant.sql.run('insert into audience_staging (mail_no, attempt, customer_id) select $1, $2, unnest($3::bigint[])', [mailNo, attempt, ids]);
    size += ids.length;
    writing.catch(() => undefined);  // awaited with the next page
    onProgress();
  }
  await writing;
  return { attempt, size };
}

interface Plan {
  readonly delivery: Delivery;
  readonly experiment: Experiment | null;
  readonly schedule: Schedule | null;
  /** Epoch ms on the database's clock. */
  readonly now: number;
}

async function freeze({ sql, org }: Tenant, { campaignId, mailNo }: Mail, links: readonly TrackedLink[], staged: Staged): Promise<number> {
  const last = await sql.transaction(async (tx) => {
    await tx.run(FREEZE_AUDIENCE);
    // Of two attempts the second meets the first one's messages.
    const plan = await tx.first<Plan>(
      `select delivery, experiment, schedule, floor(extract(epoch from now()) * 1000)::float8 as now from campaign where id = $1`, [campaignId]);
    if (plan === undefined) throw new AppError('not_found', 'This campaign does not exist.');
    const connections = await connectionNumbers(tx, plan.delivery);
    const waves = await wavesByZone(tx, mailNo, plan, org.timezone);
    const { staged: read, sizes } = (await tx.first<{ staged: number; sizes: { wave: number; size: number }[] }>(FREEZE, [mailNo, waves.map((wave) => wave.zone), waves.map((wave) => wave.at), staged.attempt]))!;
    if (read !== staged.size) throw new AppError('unavailable', `Of ${staged.size} people only ${read} were there to freeze: the audience is read again.`);
    const audience = sizes.map(({ wave, size }) => ({ notBefore: wave <= plan.now ? null : wave, size }));
    const recipients = audience.reduce((sum, wave) => sum + wave.size, 0);
    const slices = planSlices({ waves: audience, delivery: plan.delivery, test: testPlan(recipients, plan) }).map((slice) => startOf(slice, plan));
    await tx.run(
      `insert into slice (mail_no, phase, batch, connection_no, variant, not_before, first_ordinal, last_ordinal, next_ordinal)
       select $1, p, b, c, v, to_timestamp(t / 1000.0), f, l, f from unnest($2::text[], $3::int2[], $4::int2[], $5::int2[], $6::float8[], $7::int[], $8::int[]) u(p, b, c, v, t, f, l)`,
      [mailNo, slices.map((s) => s.phase), slices.map((s) => s.batch), slices.map((s) => connections[s.connection]), slices.map((s) => s.variant), slices.map((s) => s.notBefore),
        slices.map((s) => s.from), slices.map((s) => s.to)]);
    await tx.run('insert into link (mail_no, no, url, variant) select $1, n - 1, u, v from unnest($2::text[], $3::int2[]) with ordinality x(u, v, n) on conflict do nothing',
      [mailNo, links.map((link) => link.url), links.map((link) => link.variant)]);
    await tx.run('delete from audience_staging where mail_no = $1', [mailNo]);
    const hash = await audienceHash(tx, mailNo);
    // Last, as a pause waits for this row.
    await tx.run('update campaign set recipients = $2, audience_hash = $3, frozen_at = now() where id = $1', [campaignId, recipients, hash]);
    return recipients;
  });
  await analyzeGrown(sql, 'message', last);
  return last;
}

// Ordinals by wave, then in seeded random order. Without waves the two arrays hold one zone, and everybody is of its time.
const FREEZE = /* sql */ `
with zone as (select * from unnest($2::text[], $3::float8[]) u(zone, at)),
staged as (select customer_id from audience_staging where mail_no = $1::int and attempt = $4::int),
person as (
  select c.id, coalesce(z.at, (select at from zone where zone = '')) as wave from staged s join customer c on c.id = s.customer_id left join zone z on z.zone = c.timezone where c.mailable),
frozen as (
  insert into message (mail_no, ordinal, customer_id)
  select $1::int, row_number() over (order by wave, hashint8extended(id, $1::int), id), id from person)
select (select count(*)::int from staged) as staged,
       coalesce((select jsonb_agg(w order by wave) from (select wave, count(*)::int as size from person group by wave) w), '[]') as sizes`;

/** SHA-256 of the frozen customer ids in ascending order, one a line. */
export async function audienceHash(tx: Transaction, mailNo: number): Promise<string> {
  const row = await tx.first<{ hash: string }>(
    `select encode(sha256(convert_to(coalesce(string_agg(customer_id::text, e'\\n' order by customer_id), ''), 'UTF8')), 'hex') as hash from message where mail_no = $1`, [mailNo]);
  return row!.hash;
}

async function connectionNumbers(tx: Transaction, delivery: Delivery): Promise<number[]> {
  const ids = usedConnections(delivery).map((share) => share.id);
  const rows = await tx.rows<{ id: string; no: number }>('select id::text, no from connection where id = any($1::uuid[])', [ids]);
  const noById = new Map(rows.map((row) => [row.id, row.no]));
  if (ids.length === 0 || ids.some((id) => !noById.has(id))) throw new AppError('invalid', 'A connection of this campaign is gone.');
  return ids.map((id) => noById.get(id)!);
}

/** When each time zone of the audience has its turn; the zone `''` stands for everybody without one that is known. */
async function wavesByZone(tx: Transaction, mailNo: number, { schedule, now }: Plan, organizationZone: string): Promise<{ zone: string; at: number }[]> {
  if (schedule?.zone !== 'recipient') return [{ zone: '', at: 0 }];
  const zones = await tx.rows<{ zone: string }>('select distinct c.timezone as zone from audience_staging a join customer c on c.id = a.customer_id where a.mail_no = $1 and c.timezone is not null', [mailNo]);
  const known = zones.map((row) => row.zone).filter((zone) => zone !== '' && isTimeZone(zone));
  return [{ zone: '', at: waveOf(schedule, now, organizationZone) }, ...known.map((zone) => ({ zone, at: waveOf(schedule, now, zone) }))];
}

function testPlan(recipients: number, { experiment }: Plan): TestPlan | null {
  if (experiment === null || recipients === 0) return null;
  const plan = planTest(recipients, experiment);
  if (plan === null) throw new AppError('invalid', `The test group of ${recipients} recipients is too small for one mail of each variant. Raise the test percentage, or use fewer variants.`);
  return plan;
}

/** A bandit's batches are spread over the duration, which runs from the first. */
function startOf(slice: Slice, { experiment, now }: Plan): Slice {
  if (slice.batch === 0 || experiment === null) return slice;
  return { ...slice, notBefore: slice.batch === 1 ? null : now + ((slice.batch - 1) * experiment.durationHours * 3_600_000) / BANDIT_BATCHES };
}
