import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sealSecrets } from '../../infra/journeys/secrets.ts';
import { peopleOf } from '../support/fault-campaign.ts';
import { update, type Piece } from '../support/journey-dsl.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { activeIn, customers, enrollAll, overdue, publish, rowsOf, standings, type PublishedJourney } from '../support/published-journey.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startWebhookSink, type WebhookSink } from '../support/webhook-sink.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

let organization: TestOrganization;
let worker: SendWorker;
let sink: WebhookSink;

beforeAll(async () => {
  organization = await createTestOrganization();
  [worker, sink] = await Promise.all([startSendWorker({ FERMATA_ALLOW_PRIVATE_WEBHOOKS: 'true' }), startWebhookSink()]);
}, 120_000);
afterAll(async () => {
  sink.close();
  await worker.stop('SIGTERM');
  await organization.close();
}, 60_000);
beforeEach(() => {
  sink.requests.length = 0;
  sink.answer = () => ({ status: 200, body: 'thanks' });
});

const untilOver = (journey: PublishedJourney, withinMs: number) => expect.poll(() => activeIn(journey), { timeout: withinMs, interval: 200 }).toBe(0);
const calls = (path: string, by: Piece['by'] = {}, more: Piece['config'] = {}): Piece => ({ kind: 'webhook', name: 'hook', by, config: { url: `${sink.url}${path}`, secret: SECRET, headers: [{ key: 'X-Team', value: 'growth' }], payload: '{"email": {{email}}, "journey": "{{journey.name}}", "score": {{score}}}', ...more } });
const failed = update('city', { mode: 'set', value: 'Failed' });
const details = async (journey: PublishedJourney) =>
  (await rowsOf<{ port: string; detail: Record<string, unknown> }>(journey, `select s.port, s.detail from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 and s.node_id = 'hook' order by e.id`)).map(({ port, detail }): Record<string, unknown> => ({ port, ...detail }));
const enroll = async (journey: PublishedJourney, count: number, label: string) => enrollAll(await sealed(journey), await customers(organization, peopleOf({ ok: count }, label)));

/** The published graph with its secrets as the API stores them. */
async function sealed(journey: PublishedJourney): Promise<PublishedJourney> {
  const graph = sealSecrets(organization.container.secrets, organization.orgId, journey.id, journey.graph, []);
  await rowsOf(journey, 'update journey_version set graph = $2 where journey_id = $1 returning no', [JSON.stringify(graph)]);
  return journey;
}

test('everybody is told of once, signed by Standard Webhooks, with what was said shown in the path', async () => {
  const journey = await publish(organization, null, calls('/told'));
  await enroll(journey, 100, 'told');
  await untilOver(journey, 60_000);
  expect(sink.requests).toHaveLength(100);
  expect(new Set(sink.requests.map((request) => request.headers['webhook-id'])).size).toBe(100);
  for (const { headers, body } of sink.requests) {
    const signature = createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64')).update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`).digest('base64');
    expect(headers).toMatchObject({ 'webhook-signature': `v1,${signature}`, 'content-type': 'application/json', 'x-team': 'growth' });
    expect(JSON.parse(body)).toMatchObject({ journey: 'Welcome series', score: 1, email: expect.stringContaining('told') });
  }
  expect((await details(journey))[0]).toMatchObject({ port: 'next', webhook: 'succeeded', status: 200, attempts: 1, response: 'thanks' });
  expect(await overdue(journey)).toEqual([]);
}, 90_000);

test('an answer that is cut in the middle of an emoji holds nobody up', async () => {
  sink.answer = () => ({ status: 200, body: `${'x'.repeat(299)}😀` });
  const journey = await publish(organization, null, calls('/emoji'));
  await enroll(journey, 2, 'emoji');
  await untilOver(journey, 30_000);
  expect((await details(journey)).map(({ response }) => response)).toEqual(Array(2).fill(`${'x'.repeat(299)}\uFFFD`));
}, 60_000);

test('what may be a moment’s trouble is tried again with the same id and body, and she waits meanwhile', async () => {
  sink.answer = (_request, before) => (before === 0 ? { status: 503, body: 'down' } : { status: 204 });
  const journey = await publish(organization, null, calls('/later', { failed }));
  await enroll(journey, 5, 'later');
  await untilOver(journey, 60_000);
  expect(sink.requests).toHaveLength(10);
  const byId = Map.groupBy(sink.requests, (request) => request.headers['webhook-id']);
  for (const [first, second] of byId.values()) {
    expect(second!.body).toBe(first!.body);
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(4_500);
  }
  expect((await details(journey)).map((step) => ({ port: step['port'], attempts: step['attempts'] }))).toEqual(Array.from({ length: 5 }, () => ({ port: 'next', attempts: 2 })));
}, 90_000);

test.each([[404, 'hook'], [302, 'hook'], [410, 'hook']])('%i fails at once, by the port for it', async (status) => {
  sink.answer = () => ({ status, headers: { location: 'http://169.254.169.254/' } });
  const journey = await publish(organization, null, calls(`/status-${status}`, { failed, next: [] }));
  await enroll(journey, 2, `s${status}n`);
  await untilOver(journey, 30_000);
  expect(sink.requests).toHaveLength(2);
  expect(await details(journey)).toEqual(Array.from({ length: 2 }, () => expect.objectContaining({ port: 'failed', webhook: 'failed', status, attempts: 1 })));
}, 60_000);

test('a failure without a way of its own goes on as usual', async () => {
  sink.answer = () => ({ status: 400, body: 'no' });
  const graph = await publish(organization, null, calls('/open', { failed: [] }), update('city', { mode: 'set', value: 'On' }));
  // Both ports lead on in the drawing; without the one for failures the other is taken.
  const edges = graph.graph.edges.filter((edge) => edge.port !== 'failed');
  const journey = { ...graph, graph: { ...graph.graph, edges } };
  await enroll(journey, 1, 'open');
  await untilOver(journey, 30_000);
  expect(await details(journey)).toEqual([expect.objectContaining({ port: 'next', webhook: 'failed', status: 400 })]);
  expect(await standings(journey)).toEqual({ 'completed update-city': 1 });
}, 60_000);

test('after a day of failures she leaves by the port for it', async () => {
  sink.answer = () => ({ status: 500 });
  const journey = await publish(organization, null, calls('/dead', { failed }));
  const [cohort] = await enroll(journey, 1, 'dead');
  await expect.poll(() => sink.requests.length, { timeout: 30_000 }).toBe(2);
  await expect.poll(() => rowsOf<{ wait: number }>(journey, `select extract(epoch from due_at - now())::int as wait from enrollment where journey_id = $1 and due_at > now() + interval '1 minute'`).then((rows) => rows.length), { timeout: 30_000 }).toBe(1);
  // The eight attempts before the last are behind her.
  await rowsOf(journey, `update journey_webhook set attempt = 8, first_at = now() - interval '24 hours', next_at = now() where enrollment_id in (select id from enrollment where journey_id = $1) returning 1`);
  await rowsOf(journey, `update enrollment set due_at = now() where journey_id = $1 returning id`);
  await organization.container.gateway.wakeCohort(cohort!, ['hook']);
  await untilOver(journey, 30_000);
  expect(await details(journey)).toEqual([expect.objectContaining({ port: 'failed', webhook: 'failed', status: 500, attempts: 9 })]);
}, 90_000);

test('a server that hangs, and one that never stops talking, hold nobody up', async () => {
  sink.answer = ({ path }) => (path === '/hang' ? 'hang' : 'endless');
  const [hanging, endless] = [await publish(organization, null, calls('/hang', { failed })), await publish(organization, null, calls('/endless', { failed }))];
  const startedAt = Date.now();
  await enroll(hanging, 30, 'hang');
  await enroll(endless, 5, 'endless');
  await untilOver(endless, 20_000);
  expect(Date.now() - startedAt).toBeLessThan(20_000);
  expect((await details(endless))[0]).toMatchObject({ port: 'next', webhook: 'succeeded', response: expect.stringMatching(/^x{300}$/) });
  // Thirty of ten seconds each, twenty at a time.
  await expect.poll(() => rowsOf(hanging, `select 1 from journey_webhook w join enrollment e on e.id = w.enrollment_id where e.journey_id = $1 and w.attempt >= 1 and w.response like 'No whole answer%'`).then((rows) => rows.length), { timeout: 60_000 }).toBe(30);
  expect(await overdue(hanging)).toEqual([]);
}, 120_000);
