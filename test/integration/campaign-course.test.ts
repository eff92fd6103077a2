import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createSentCampaign, type SentCampaign } from '../support/sent-campaign.ts';

/** What is told of a campaign's course beyond its counters. */

let api: TestApi;
let ada: TestUser;
beforeAll(async () => {
  api = await startTestApi();
  ada = await api.signIn('member');
}, 90_000);
afterAll(() => api.close());

const use = <T>(work: (tenant: Tenant) => Promise<T>) => api.container.tenants.use(api.orgId, work);
const run = (text: string, values: unknown[] = []) => use((tenant) => tenant.sql.run(text, values));
const read = async (campaign: SentCampaign, part: string) => {
  const reply = await ada.get(`/campaigns/${campaign.campaignId}/${part}`);
  expect(reply.status).toBe(200);
  return reply.body;
};
const unsent = async (recipients: number) => {
  const campaign = await createSentCampaign(api, { recipients, campaign: { state: 'running', phase: 'sending' } });
  await run("update message set state = 0, started_at = null, ended_at = null where mail_no = $1", [campaign.mailNo]);
  const slice = (first: number, last: number, next: number, notBefore: string | null) => run(
    `insert into slice (mail_no, phase, connection_no, first_ordinal, last_ordinal, next_ordinal, not_before) select $1, 'main', no, $3, $4, $5, now() + $6::interval from connection where id = $2`, [campaign.mailNo, campaign.connectionId, first, last, next, notBefore]);
  return { campaign, slice };
};

test('every state is in the history, with who asked for it where a person did', async () => {
  const campaign = await createSentCampaign(api, { recipients: 1, campaign: { state: 'running' } });
  const move = (set: string) => run(`update campaign set ${set} where id = $1`, [campaign.campaignId]);
  await move("moved_by = 'Ada'");
  await move("state = 'paused', reason = 'user'");
  await move("moved_by = 'Bob'");
  await move("state = 'running', reason = null");
  await move("state = 'paused', reason = 'login_refused', state_detail = '535 no'");
  await move("phase = 'retrying'");
  await move("state = 'running', reason = null, state_detail = null");
  await move("state = 'completed'");
  expect((await read(campaign, 'history')).data.map(({ at: _, ...told }: { at: string }) => told)).toEqual([
    { state: 'paused', reason: 'user', detail: null, by: 'Ada' }, { state: 'running', reason: null, detail: null, by: 'Bob' }, { state: 'paused', reason: 'login_refused', detail: '535 no', by: null },
    { state: 'running', reason: null, detail: null, by: null }, { state: 'completed', reason: null, detail: null, by: null },
  ]);
});

test('what the system ends is not put down to who asked for something else', async () => {
  const campaign = await createSentCampaign(api, { recipients: 1, campaign: { state: 'running' } });
  await run("update campaign set moved_by = 'Ada' where id = $1", [campaign.campaignId]);
  await run("update campaign set state = 'completed' where id = $1", [campaign.campaignId]);
  expect((await read(campaign, 'history')).data).toMatchObject([{ state: 'completed', by: null }]);
});

test('waves by their time, with how far they are', async () => {
  const { campaign, slice } = await unsent(9);
  await slice(1, 2, 3, '-2 hours');
  await slice(3, 5, 4, '-1 hour');
  await slice(6, 9, 6, '3 hours');
  expect((await read(campaign, 'waves')).data).toMatchObject([{ recipients: 2, state: 'done' }, { recipients: 3, state: 'sending' }, { recipients: 4, state: 'waiting', at: expect.any(String) }]);
  expect((await read(await createSentCampaign(api, { recipients: 1 }), 'waves')).data).toEqual([]);
});

/** Whether workers ask for work is the engine's to say; in these tests none runs. */
const workers = (isWorked: () => Promise<boolean>) => Object.assign(api.container.gateway, { isWorked });

test('what holds a campaign up: its connection, a silent server, what is to be tried again', async () => {
  workers(() => Promise.resolve(true));
  const { campaign, slice } = await unsent(5);
  await slice(1, 5, 1, null);
  const kinds = async () => (await read(campaign, 'standstill')).causes.map((cause: { kind: string }) => cause.kind);
  expect(await kinds()).toEqual(['unknown']);
  await run("update message set state = 1, started_at = now() - interval '5 minutes', connection_no = (select no from connection where id = $2) where mail_no = $1 and ordinal <= 2", [campaign.mailNo, campaign.connectionId]);
  await run("insert into retry (mail_no, ordinal, due_at) values ($1, 3, now() + interval '1 minute')", [campaign.mailNo]);
  expect((await read(campaign, 'standstill')).causes).toEqual([
    { kind: 'slow_server', connectionId: campaign.connectionId, connection: expect.stringMatching(/^Line/), recipients: 2, until: null, detail: null },
    { kind: 'retries', connectionId: null, connection: null, recipients: 1, until: expect.any(String), detail: null },
  ]);
  await run("update connection set health = 'broken', health_reason = 'ECONNREFUSED' where id = $1", [campaign.connectionId]);
  expect((await read(campaign, 'standstill')).causes).toMatchObject([{ kind: 'connection_broken', detail: 'ECONNREFUSED' }, { kind: 'retries' }]);
  await run('update connection set enabled = false where id = $1', [campaign.connectionId]);
  expect(await kinds()).toEqual(['connection_disabled', 'retries']);
});

test('without workers, or without the engine, that is the cause and nothing else', async () => {
  const { campaign, slice } = await unsent(2);
  await slice(1, 2, 1, null);
  await run("insert into retry (mail_no, ordinal, due_at) values ($1, 1, now())", [campaign.mailNo]);
  workers(() => Promise.resolve(false));
  expect((await read(campaign, 'standstill')).causes).toMatchObject([{ kind: 'no_worker' }]);
  workers(() => Promise.reject(new Error('away')));
  expect((await read(campaign, 'standstill')).causes).toMatchObject([{ kind: 'no_engine' }]);
});

test('a standstill is told from the last thing that moved; what does not run stands still for good', async () => {
  const { campaign } = await unsent(3);
  await run("update campaign set launched_at = now() - interval '1 hour' where id = $1", [campaign.campaignId]);
  await run("update message set state = 2, ended_at = now() - interval '10 minutes' where mail_no = $1 and ordinal = 2", [campaign.mailNo]);
  expect((Date.now() - Date.parse((await read(campaign, 'standstill')).since)) / 60_000).toBeCloseTo(10, 0);
  expect(await read(await createSentCampaign(api, { recipients: 1 }), 'standstill')).toEqual({ since: null, causes: [] });
});
