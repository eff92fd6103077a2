import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSweepActivities } from '../../activities/sweep.ts';
import { closeDoubts } from '../../infra/mail/doubts.ts';
import { asActivity } from '../support/activity.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** What nobody knows is closed after 72 hours and stays in doubt; it is never sent again. */

let organization: TestOrganization;
beforeAll(async () => {
  organization = await createTestOrganization();
}, 60_000);
afterAll(() => organization.close());

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
const close = () => organization.container.tenants.use(organization.orgId, (tenant) => closeDoubts(tenant.sql));
const reasonsOf = async (mailNo: number) =>
  Object.fromEntries((await sql<{ reason: string; count: number }>('select reason, sum(count)::int as count from reason_count where mail_no = $1 and state = 5 group by 1 having sum(count) <> 0', [mailNo])).map((row) => [row.reason, row.count]));

/** A campaign of people whose answers were lost so many hours ago, counted as the ledger counts them. */
async function doubted(label: string, ...hoursAgo: number[]) {
  const campaign = await createSentCampaign(organization, { recipients: [`sent@${label}.example`, ...hoursAgo.map((_, i) => `doubt${i}@${label}.example`)] });
  for (const [i, hours] of hoursAgo.entries()) {
    await sql(`update message set state = 5, reason = $3, ended_at = now() - make_interval(mins => $4) where mail_no = $1 and ordinal = $2`, [campaign.mailNo, i + 2, i % 2 === 0 ? 'interrupted' : 'no_answer', hours * 60]);
  }
  await sql('delete from mail_count where mail_no = $1', [campaign.mailNo]);
  await sql(`insert into mail_count (mail_no, hour, connection_no, shard, sent, in_doubt)
    select mail_no, date_trunc('hour', ended_at, 'UTC'), connection_no, ordinal % 2, count(*) filter (where state = 2), count(*) filter (where state = 5) from message where mail_no = $1 group by 1, 2, 3, 4`, [campaign.mailNo]);
  await sql(`insert into reason_count (mail_no, state, reason, shard, count) select mail_no, 5, reason, ordinal % 2, count(*) from message where mail_no = $1 and state = 5 group by 1, 3, 4`, [campaign.mailNo]);
  return campaign;
}

test('doubts of 72 hours ago are closed as unknown: still in doubt, counted by that reason; younger ones wait', async () => {
  const { mailNo } = await doubted('mixed', 80, 79, 74, 70, 1);
  expect(await reasonsOf(mailNo)).toEqual({ interrupted: 3, no_answer: 2 });
  expect(await close()).toBe(3);
  expect(await reasonsOf(mailNo)).toEqual({ unknown: 3, no_answer: 1, interrupted: 1 });
  expect(await sql('select state, reason, count(*)::int as count from message where mail_no = $1 group by 1, 2 order by 1, 2', [mailNo])).toEqual([
    { state: 2, reason: null, count: 1 }, { state: 5, reason: 'interrupted', count: 1 }, { state: 5, reason: 'no_answer', count: 1 }, { state: 5, reason: 'unknown', count: 3 },
  ]);
  expect(await sql('select sum(in_doubt)::int as n from mail_count where mail_no = $1', [mailNo])).toEqual([{ n: 5 }]);
  const closedAt = await sql('select doubts_closed_at from mail where no = $1', [mailNo]);
  // Nothing new has come of age: it is not looked into again.
  expect(await close()).toBe(0);
  expect(await sql('select doubts_closed_at from mail where no = $1', [mailNo])).toEqual(closedAt);
});

test('what comes of age later is closed then; a mail without doubts is never looked into', async () => {
  const later = await doubted('later', 80, 71.5);
  const sent = await createSentCampaign(organization, { recipients: ['only@sent.example'], ago: '100 hours' });
  expect(await close()).toBe(1);
  await sql("update message set ended_at = ended_at - interval '3 hours' where mail_no = $1", [later.mailNo]);
  await sql("update mail_count set hour = hour - interval '3 hours' where mail_no = $1 and in_doubt > 0", [later.mailNo]);
  await sql("update mail set doubts_closed_at = doubts_closed_at - interval '3 hours' where no = $1", [later.mailNo]);
  expect(await close()).toBe(1);
  expect(await reasonsOf(later.mailNo)).toEqual({ unknown: 2 });
  expect(await sql('select doubts_closed_at from mail where no = $1', [sent.mailNo])).toEqual([{ doubts_closed_at: null }]);
});

test('an erased person’s doubt keeps its reason', async () => {
  const { mailNo } = await doubted('erased', 90);
  await sql("update message set reason = 'erased' where mail_no = $1 and state = 5", [mailNo]);
  await sql("update reason_count set reason = 'erased' where mail_no = $1", [mailNo]);
  expect(await close()).toBe(0);
  expect(await reasonsOf(mailNo)).toEqual({ erased: 1 });
});

test('the sweep closes them', async () => {
  const { mailNo } = await doubted('swept', 100);
  await asActivity(createSweepActivities(organization.container).sweep);
  expect(await reasonsOf(mailNo)).toEqual({ unknown: 1 });
});
