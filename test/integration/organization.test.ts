import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { AppError } from '#domain/shared/errors.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { startWorker } from '../support/worker-process.ts';

let api: TestApi;
let owner: TestUser;

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
});
afterAll(() => api.close());
afterEach(() => vi.restoreAllMocks());

const settings = async () => (await owner.get('/organization')).body;
const rebuilds = () => vi.spyOn(api.container.gateway, 'startReindex').mockResolvedValue();

test('a stale version is a conflict that says to load again, and changes nothing', async () => {
  const { version } = await settings();
  const first = await owner.patch('/organization', { version, postalAddress: '1 First Street' });
  expect([first.status, first.body.version]).toEqual([200, version + 1]);
  const second = await owner.patch('/organization', { version, name: 'Second', timezone: 'Asia/Tokyo' });
  expect([second.status, second.body.code, second.body.detail]).toEqual([409, 'conflict', expect.stringContaining('Load them again')]);
  expect(await settings()).toEqual(first.body);
});

test('of two who save the same version one is refused', async () => {
  const { version } = await settings();
  const replies = await Promise.all(['One', 'Two'].map((name) => owner.patch('/organization', { version, name })));
  expect(replies.map((reply) => reply.status).sort()).toEqual([200, 409]);
  expect(await settings()).toEqual(replies.find((reply) => reply.status === 200)?.body);
});

test('the search index is built again for another time zone, once it is saved, and for nothing else', async () => {
  const started = rebuilds();
  await owner.patch('/organization', { name: 'Renamed', timezone: (await settings()).timezone });
  expect(started).not.toHaveBeenCalled();
  let seen: unknown;
  started.mockImplementation(async () => void (seen = await api.container.control.first('select timezone from tenant where id = $1', [api.orgId])));
  await owner.patch('/organization', { timezone: 'America/New_York' });
  expect(started.mock.calls).toEqual([[{ orgId: api.orgId, reason: 'timezone' }]]);
  expect(seen).toEqual({ timezone: 'America/New_York' });
});

test('the time zone is saved while the workflow engine is away', async () => {
  rebuilds().mockRejectedValue(new AppError('unavailable', 'The workflow engine cannot be reached at the moment.'));
  const reply = await owner.patch('/organization', { timezone: 'Europe/Madrid' });
  expect([reply.status, reply.body.timezone]).toEqual([200, 'Europe/Madrid']);
});

test('after a change of the time zone the index is built with the new one, however lately a worker looked', { timeout: 60_000 }, async () => {
  const worker = await startWorker();
  try {
    for (const timezone of ['Pacific/Auckland', 'America/New_York']) {
      await owner.patch('/organization', { timezone });
      const live = () => api.container.tenants.use(api.orgId, ({ sql }) => sql.first("select timezone from search_index where state = 'live'"));
      await expect.poll(live, { timeout: 20_000, interval: 100 }).toEqual({ timezone });
    }
  } finally {
    await worker.kill('SIGTERM');
  }
});
