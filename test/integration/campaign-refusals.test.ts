import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';

/** What stands against sending over these connections, this A/B test and this schedule: told before a launch, all of it with the fix. */

let api: TestApi;
let owner: TestUser;
let list: string;
let connections: string[];
const html = '<p>Hi</p><a href="{{ unsubscribe_url }}">bye</a>';

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
  list = (await owner.post('/lists', { name: 'Ten' })).body.id;
  for (let i = 0; i < 10; i += 1) await owner.post('/customers', { email: `p${i}@example.com`, listIds: [list] });
  connections = await Promise.all(['One', 'Two', 'Three'].map(async (name) => (await owner.post('/connections', { vendor: 'smtp', name, host: 'smtp.example' })).body.id as string));
}, 90_000);
afterAll(() => api.close());

const over = (mode: string, ...percents: number[]) => ({ mode, connections: percents.map((percent, i) => ({ id: connections[i], percent })) });
const experiment = (edit: object = {}) => ({ subjects: ['Other'], testPercent: 50, durationHours: 1, ...edit });
async function draft(edit: object): Promise<{ id: string }> {
  const { id } = (await owner.post('/campaigns', { name: randomUUID() })).body;
  const reply = await owner.patch(`/campaigns/${id}`, { subject: 'Hello', fromName: 'Shop', fromEmail: 'news@shop.example', html, targets: [{ kind: 'list', id: list }], delivery: over('single', 100), ...edit });
  expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
  return { id };
}
const problemsOf = async (edit: object) => (await owner.get(`/campaigns/${(await draft(edit)).id}/checks`)).body.errors as { field: string; message: string }[];

test('what is complete has nothing against it', async () => {
  expect(await problemsOf({})).toEqual([]);
  expect(await problemsOf({ delivery: over('split', 70, 20, 10), experiment: experiment({ fromNames: ['The shop'], distribution: 'weighted', weights: [40, 30, 20, 10] }) })).toEqual([]);
  expect(await problemsOf({ delivery: { ...over('round_robin', 0, 0), throttlePerMinute: 60 }, experiment: experiment({ distribution: 'bandit', testPercent: 100 }) })).toEqual([]);
});

describe('delivery', () => {
  test.for([
    ['sums that are not 100', { delivery: { mode: 'split', percents: [70, 20] } }, 'delivery.connections', /sum to 90; they must sum to 100/],
    ['a share of nothing', { delivery: { mode: 'split', percents: [100, 0] } }, 'delivery.connections[1].percent', /1 % or more/],
    ['a split over one', { delivery: { mode: 'split', percents: [100] } }, 'delivery.connections', /two connections or more/],
    ['turns over one', { delivery: { mode: 'round_robin', percents: [0] } }, 'delivery.connections', /two connections or more/],
    ['nothing to send over', { delivery: { mode: 'single', percents: [] } }, 'delivery.connections', /Choose a connection/],
  ] as const)('%s', async ([, { delivery: { mode, percents } }, field, says]) => {
    expect(await problemsOf({ delivery: over(mode, ...percents) })).toEqual([{ field, message: expect.stringMatching(says) }]);
  });

  test('a connection named twice, and shapes that make no sense', async () => {
    expect(await problemsOf({ delivery: { mode: 'split', connections: [{ id: connections[0], percent: 50 }, { id: connections[0], percent: 50 }] } })).toEqual([{ field: 'delivery.connections', message: expect.stringContaining('named twice') }]);
    const { id } = await draft({});
    for (const [field, delivery] of [
      ['delivery.mode', { mode: 'all', connections: [] }], ['delivery.connections[0].percent', over('split', 101)], ['delivery.connections[0].percent', over('split', 33.5)],
      ['delivery.throttlePerMinute', { ...over('single', 100), throttlePerMinute: 0 }], ['delivery.onBreak', { ...over('single', 100), onBreak: 'weep' }],
    ] as const) {
      const reply = await owner.patch(`/campaigns/${id}`, { delivery });
      expect([reply.status, reply.body.errors.map((error: { field: string }) => error.field)]).toEqual([422, [field]]);
    }
  });
});

describe('A/B test', () => {
  test.for([
    ['one variant', { subjects: [] }, 'experiment.subjects', /Add a second subject/],
    ['more than 26 variants', { subjects: ['b', 'c', 'd'], contents: [2, 3, 4].map(() => ({ html, text: '' })), fromNames: ['b'] }, 'experiment.subjects', /32 variants; at most 26/],
    ['an empty subject', { subjects: [' '] }, 'experiment.subjects[0]', /Write subject 2/],
    ['weights for the wrong number of variants', { distribution: 'weighted', weights: [100] }, 'experiment.weights', /each of the 2 variants, A to B/],
    ['weights that are not 100', { distribution: 'weighted', weights: [60, 60] }, 'experiment.weights', /sum to 120/],
    ['a test group smaller than the variants', { subjects: ['b', 'c'], testPercent: 10 }, 'experiment.testPercent', /1 of 10 recipients, too few.*3 variants/],
  ] as const)('%s', async ([, edit, field, says]) => {
    const problems = await problemsOf({ experiment: experiment(edit) });
    expect(problems).toContainEqual({ field, message: expect.stringMatching(says) });
  });

  test('a winner by what is not tracked', async () => {
    expect(await problemsOf({ experiment: experiment(), tracking: { opens: false, clicks: true } })).toEqual([{ field: 'experiment.winnerBy', message: expect.stringContaining('opens are not tracked') }]);
    expect(await problemsOf({ experiment: experiment({ winnerBy: 'click_rate' }), tracking: { opens: true, clicks: false } })).toEqual([{ field: 'experiment.winnerBy', message: expect.stringContaining('clicks are not tracked') }]);
  });

  test('a winner is picked of a variant it has, while it waits', async () => {
    const plain = await draft({});
    expect((await owner.post(`/campaigns/${plain.id}/winner`, { variant: 'A' })).body).toMatchObject({ status: 409, detail: 'This campaign has no A/B test.' });
    const { id } = await draft({ experiment: experiment() });
    expect((await owner.post(`/campaigns/${id}/winner`, { variant: 'C' })).body).toMatchObject({ status: 422, errors: [{ field: 'variant', message: 'This campaign has the variants A to B.' }] });
    expect((await owner.post(`/campaigns/${id}/winner`, { variant: 'A' })).body).toMatchObject({ status: 409, detail: expect.stringContaining('while the test waits') });
  });
});

describe('schedule', () => {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 16);

  test.for([
    ['no time', { at: 'tomorrow' }, 'at', /Expected a date and time like 2026-12-01T09:00, got “tomorrow”/],
    ['a day there is not', { at: '2027-02-29T09:00' }, 'at', /Expected a date and time/],
    ['a time that is over', { at: '2020-01-01T09:00' }, 'at', /This time is over/],
    ['no zone', { at: '2099-01-01T09:00', zone: 'moon' }, 'zone', /./],
  ] as const)('%s', async ([, body, field, says]) => {
    const reply = await owner.post(`/campaigns/${(await draft({})).id}/schedule`, body);
    expect([reply.status, reply.body.errors]).toEqual([422, [{ field, message: expect.stringMatching(says) }]]);
  });

  test('less than a minute ahead is refused; so is an A/B test by each recipient’s clock', async () => {
    expect((await owner.post(`/campaigns/${(await draft({})).id}/schedule`, { at: at(0) })).body.errors).toEqual([{ field: 'at', message: expect.stringContaining('at least a minute ahead') }]);
    const reply = await owner.post(`/campaigns/${(await draft({ experiment: experiment() })).id}/schedule`, { at: at(86_400_000), zone: 'recipient' });
    expect(reply.body.errors).toEqual([{ field: 'experiment.distribution', message: expect.stringContaining("recipient's own time zone") }]);
  });

  test('a scheduled campaign is neither launched nor scheduled nor deleted; its throttle may change', async () => {
    const { id } = await draft({});
    const scheduled = (await owner.post(`/campaigns/${id}/schedule`, { at: '2099-06-01T09:00' })).body;
    expect(scheduled).toMatchObject({ state: 'scheduled', schedule: { at: '2099-06-01T09:00', zone: 'organization', past: 'next_day' }, scheduledAt: '2099-06-01T09:00:00.000Z', allowed: ['edit', 'unschedule', 'duplicate'] });
    expect((await owner.post(`/campaigns/${id}/launch`)).body).toMatchObject({ status: 409, detail: 'A campaign that is scheduled cannot be launched.' });
    expect((await owner.post(`/campaigns/${id}/schedule`, { at: '2099-07-01T09:00' })).status).toBe(409);
    expect((await owner.delete(`/campaigns/${id}`)).status).toBe(409);
    expect((await owner.post(`/campaigns/${id}/throttle`, { perMinute: 30 })).body.delivery.throttlePerMinute).toBe(30);
  });
});

test('a throttle of what has ended is refused', async () => {
  const { id } = await draft({});
  await api.container.tenants.use(api.orgId, ({ sql }) => sql.run("update campaign set state = 'completed' where id = $1", [id]));
  expect((await owner.post(`/campaigns/${id}/throttle`, { perMinute: 30 })).body).toMatchObject({ status: 409, detail: 'A campaign that is completed sends no more mail.' });
  expect((await owner.post(`/campaigns/${id}/throttle`, { perMinute: 0 })).body).toMatchObject({ status: 422, errors: [{ field: 'perMinute' }] });
});
