import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';

/** Limits, warm-up and backup of connections, and the organization's own rules of sending, over HTTP. */

let api: TestApi;
let owner: TestUser;
let member: TestUser;

beforeAll(async () => {
  api = await startTestApi();
  [owner, member] = [await api.signIn('owner'), await api.signIn('member')];
}, 60_000);
afterAll(() => api.close());

const connect = async (name: string, edit: object = {}) => owner.post('/connections', { vendor: 'smtp', name, host: 'smtp.example', port: 587, ...edit });
const made = async (name: string, edit: object = {}) => (await connect(name, edit)).body;
const refusal = ({ status, body }: { status: number; body: { errors: { field: string; message: string }[] } }) => [status, body.errors.map((error) => error.field)];

test('limits are kept by window; what is left out has none, and they replace each other whole', async () => {
  const none = await made('Without limits');
  expect(none).toMatchObject({ limits: { second: null, minute: null, hour: null, day: null, dayWindow: 'midnight' }, warmUp: null, backupId: null });
  const limited = await made('Limited', { limits: { second: 14, day: 50_000, dayWindow: 'rolling' } });
  expect(limited.limits).toEqual({ second: 14, minute: null, hour: null, day: 50_000, dayWindow: 'rolling' });
  const changed = (await owner.patch(`/connections/${limited.id}`, { limits: { hour: 100 } })).body;
  expect(changed.limits).toEqual({ second: null, minute: null, hour: 100, day: null, dayWindow: 'midnight' });
  expect((await owner.patch(`/connections/${limited.id}`, { fromName: 'Shop' })).body).toMatchObject({ limits: changed.limits, fromName: 'Shop' });
});

test.for([
  ['limits.second', { limits: { second: 0 } }], ['limits.minute', { limits: { minute: 1.5 } }], ['limits.day', { limits: { day: -3 } }], ['limits.dayWindow', { limits: { dayWindow: 'noon' } }], ['limits.week', { limits: { week: 3 } }],
  ['parallel', { parallel: 0 }], ['parallel', { parallel: 101 }],
  ['warmUp.target', { warmUp: {} }], ['warmUp.target', { warmUp: { first: 500, target: 400 } }], ['warmUp.growthPercent', { warmUp: { growthPercent: 0, target: 5_000 } }], ['warmUp.startedOn', { warmUp: { startedOn: '2026-02-30', target: 5_000 } }],
  ['backupId', { backupId: 'the other' }], ['backupId', { backupId: '0197b7a0-0000-7000-8000-000000000000' }],
] as const)('%s is refused where it makes no sense: %j', async ([field, edit]) => {
  expect(refusal(await connect(`Refused ${field} ${JSON.stringify(edit).length}`, edit))).toEqual([422, [field]]);
});

test('a warm-up begins today unless it says otherwise, with 500 mails and 30 % a day', async () => {
  const warm = await made('Warm', { warmUp: { target: 20_000 } });
  expect(warm.warmUp).toEqual({ startedOn: new Date().toISOString().slice(0, 10), first: 500, growthPercent: 30, target: 20_000 });
  const kept = { startedOn: '2026-05-01', first: 50, growthPercent: 10, target: 1_000 };
  expect((await owner.patch(`/connections/${warm.id}`, { warmUp: kept })).body.warmUp).toEqual(kept);
  expect((await owner.patch(`/connections/${warm.id}`, { warmUp: null })).body.warmUp).toBeNull();
});

test('a backup is another connection; while it stands in it is not deleted', async () => {
  const backup = await made('Backup');
  const first = await made('First', { backupId: backup.id });
  expect(first.backupId).toBe(backup.id);
  expect(refusal(await owner.patch(`/connections/${first.id}`, { backupId: first.id }))).toEqual([422, ['backupId']]);
  const refused = await owner.delete(`/connections/${backup.id}`);
  expect([refused.status, refused.body.detail]).toEqual([409, 'This connection is in use and cannot be deleted. Used by: connection “First”. Disable it instead.']);
  await owner.patch(`/connections/${first.id}`, { backupId: null });
  expect((await owner.delete(`/connections/${backup.id}`)).status).toBe(204);
});

test('a member sees limits and may not change them', async () => {
  const { id } = await made('Seen');
  expect((await member.get(`/connections/${id}`)).body.limits).toBeDefined();
  expect((await member.patch(`/connections/${id}`, { limits: { second: 1 } })).status).toBe(403);
});

test('frequency cap, safety stops and tracking defaults: what is named changes, the rest stays, and it is in the audit log', async () => {
  const first = { frequencyCap: null, safetyStops: true, tracking: { opens: true, clicks: true, utm: true } };
  expect((await member.get('/organization/sending')).body).toEqual(first);
  expect((await owner.patch('/organization/sending', { frequencyCap: { mails: 2, days: 7 } })).body).toEqual({ ...first, frequencyCap: { mails: 2, days: 7 } });
  expect((await owner.patch('/organization/sending', { safetyStops: false })).body).toEqual({ ...first, frequencyCap: { mails: 2, days: 7 }, safetyStops: false });
  expect((await owner.patch('/organization/sending', { frequencyCap: null, safetyStops: true })).body).toEqual(first);
  expect((await member.patch('/organization/sending', { safetyStops: false })).status).toBe(403);
  for (const [field, edit] of [['frequencyCap.mails', { frequencyCap: { mails: 0, days: 7 } }], ['frequencyCap.days', { frequencyCap: { mails: 1, days: 366 } }], ['tracking.utm', { tracking: { opens: true, clicks: true } }]] as const) {
    expect(refusal(await owner.patch('/organization/sending', edit))).toEqual([422, [field]]);
  }
  expect((await owner.get('/audit')).body.data.filter((row: { action: string }) => row.action === 'sending.updated')).toHaveLength(3);
});

test('a new campaign begins with the tracking defaults; one that was begun before keeps its own', async () => {
  const before = (await owner.post('/campaigns', { name: 'Before' })).body;
  await owner.patch('/organization/sending', { tracking: { opens: false, clicks: true, utm: false } });
  expect((await member.post('/campaigns', { name: 'After' })).body).toMatchObject({ tracking: { opens: false, clicks: true }, utm: { off: 'true' } });
  expect((await owner.get(`/campaigns/${before.id}`)).body).toMatchObject({ tracking: { opens: true, clicks: true }, utm: {} });
  await owner.patch('/organization/sending', { tracking: { opens: true, clicks: true, utm: true } });
  expect((await owner.post('/campaigns', { name: 'Again' })).body).toMatchObject({ tracking: { opens: true, clicks: true }, utm: {} });
});
