import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSendActivities } from '../../activities/send.ts';
import type { RangeJob, SendEngine } from '../../infra/mail/engine.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** Retries that a killed worker left behind, and connections that are disabled, before the engine is asked. */

let organization: TestOrganization;
const asked: RangeJob[] = [];
const nothing = { next: 1, sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop: null } as const;
const engine = { sendRange: async (job: RangeJob) => { asked.push(job); return nothing; }, sendRetries: async (job: RangeJob) => { asked.push(job); return nothing; } } as unknown as SendEngine;

beforeAll(async () => { organization = await createTestOrganization(); }, 60_000);
afterAll(() => organization.close());

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
/** As the nth attempt of an activity. */
const attempt = (nth: number, job: RangeJob) => new MockActivityEnvironment({ attempt: nth }).run(createSendActivities(engine, organization.container).sendRetries, job);

/** Four recipients: a retry of the lost attempt, one of a lane that lives, a first try, one that was sent. Epochs 5 and 6. */
async function lost(label: string) {
  const campaign = await createSentCampaign(organization, { recipients: [1, 2, 3, 4].map((n) => `${label}${n}@x.example`) });
  const { mailNo } = campaign;
  await sql('update mail set epoch = 9 where no = $1', [mailNo]);
  const lanes = await sql<{ id: number }>('insert into lane (mail_no, connection_no, shard, epoch) select $1, no, n, 4 + n from connection, generate_series(1, 2) n where id = $2 order by n returning id', [mailNo, campaign.connectionId]);
  await sql('update message set state = case when ordinal = 4 then 2 else 1 end, attempt = case when ordinal = 3 then 1 else 2 end, epoch = case ordinal when 2 then 6 else 5 end where mail_no = $1', [mailNo]);
  return { ...campaign, job: { orgId: organization.orgId, mailNo, laneId: lanes[0]!.id, from: 1, to: 0, variant: null, withRetries: true } };
}
const statesOf = async (mailNo: number) => (await sql<{ state: number }>('select state from message where mail_no = $1 order by ordinal', [mailNo])).map((row) => row.state);

test('the next attempt puts the retries of the lost one in doubt at once, and leaves those of a lane that lives', async () => {
  const { job, mailNo } = await lost('a');
  await attempt(1, job);
  expect(await statesOf(mailNo)).toEqual([1, 1, 1, 2]);
  await attempt(2, job);
  expect(await statesOf(mailNo)).toEqual([5, 1, 1, 2]);
  expect(await sql('select reason, sum(count)::int as count from reason_count where mail_no = $1 group by 1', [mailNo])).toEqual([{ reason: 'interrupted', count: 1 }]);
  expect(await sql('select sum(in_doubt)::int as n from mail_count where mail_no = $1', [mailNo])).toEqual([{ n: 1 }]);
  await attempt(3, job);
  expect(await statesOf(mailNo)).toEqual([5, 1, 1, 2]);
});

test('a disabled connection is not asked, and says so', async () => {
  const { job, connectionId } = await lost('b');
  await sql('update connection set enabled = false where id = $1', [connectionId]);
  const before = asked.length;
  expect(await attempt(1, job)).toMatchObject({ next: 1, sent: 0, stop: { kind: 'broken', reason: 'connection_disabled', detail: `The connection “Line ${connectionId}” is disabled.` } });
  expect(asked.length).toBe(before);
});
