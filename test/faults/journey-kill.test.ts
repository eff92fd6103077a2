import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addConnection, peopleOf } from '../support/fault-campaign.ts';
import { addTo, condition, holds, send, update, type Piece } from '../support/journey-dsl.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { ownPlace } from '../support/own-place.ts';
import { activeIn, countersDiffer, customers, enrollAll, overdue, publish, rowsOf, waitSeconds } from '../support/published-journey.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { longMinutes, Timeline } from '../support/timeline.ts';
import { startWebhookSink, type WebhookSink } from '../support/webhook-sink.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const SESSIONS = 12;
const [PEOPLE, KILLS] = longMinutes > 0 ? [20_000, 12] : [2_000, 3];

let place: Readonly<Record<string, string>>;
let organization: TestOrganization;
let sink: SmtpSink;
let hooks: WebhookSink;
let workers: WorkerProcess[];

beforeAll(async () => {
  place = { ...(await ownPlace()), FERMATA_ALLOW_PRIVATE_SMTP: 'true', FERMATA_ALLOW_PRIVATE_WEBHOOKS: 'true', FERMATA_SEND_CONNECTIONS: String(SESSIONS) };
  [organization, sink, hooks] = await Promise.all([createTestOrganization({ config: place }), startSmtpSink({ isDurable: true, rules: { everybody: 'slow-3' } }), startWebhookSink()]);
  workers = [await startWorker(place), await startWorker(place)];
}, 180_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
  hooks.close();
  await sink.close();
  await organization.close();
}, 90_000);

test('workers are killed while people walk: everybody arrives, nothing is done to anybody twice', async () => {
  const timeline = new Timeline('journey kill');
  const list = await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.first<{ id: string }>(`insert into list (id, name) values (gen_random_uuid(), 'Members') returning id::text`));
  const hook: Piece = { kind: 'webhook', name: 'hook', config: { url: `${hooks.url}/hook`, payload: '{"email": {{email}}}' } };
  const journey = await publish(organization, await addConnection(organization, { port: sink.port, parallel: 2 * SESSIONS }),
    send('welcome'), update('score', { mode: 'add', amount: 10 }), waitSeconds(3), condition(holds('score', 'greater_than', 5), send('offer')), addTo(list!.id), hook, send('bye'));
  const ids = await customers(organization, peopleOf({ ok: PEOPLE }, 'kill'));
  await enrollAll(journey, ids);
  const standing = () => rowsOf<{ what: string; n: number }>(journey, `select state || ' ' || node_id as what, count(*)::int as n from enrollment where journey_id = $1 group by 1 order by 1`);
  for (let kill = 0; kill < KILLS; kill += 1) {
    await sleep(timeline.between(500, 2_500));
    const no = timeline.between(0, workers.length - 1);
    timeline.note(`kill -9 of worker ${no} at ${(await standing()).map(({ what, n }) => `${what}: ${n}`).join(', ')}`);
    await workers[no]!.kill('SIGKILL');
    workers[no] = await startWorker(place);
  }
  await expect.poll(() => activeIn(journey), { timeout: longMinutes > 0 ? 600_000 : 180_000, interval: 500 }).toBe(0);
  timeline.note(`over at ${(await standing()).map(({ what, n }) => `${what}: ${n}`).join(', ')}`);

  const [{ states }] = (await rowsOf<{ states: Record<string, number> }>(journey, `select jsonb_object_agg(state, n) as states from (select m.state, count(*)::int as n from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 group by 1) x`)) as [{ states: Record<string, number> }];
  timeline.note(`messages by state ${JSON.stringify(states)}`);
  const doubts = states['5'] ?? 0;
  expect((states['2'] ?? 0) + doubts).toBe(3 * PEOPLE);
  // As many as there were connections at the kills.
  expect(doubts).toBeLessThanOrEqual(KILLS * SESSIONS);
  const copies = Map.groupBy((await sink.rows()).filter((row) => row.sender === journey.sender), (row) => row.messageId);
  expect([...copies.values()].filter((rows) => rows.length > 1)).toEqual([]);
  const perPerson = Map.groupBy([...copies.values()].flat(), (row) => row.recipient);
  expect([...perPerson.values()].filter((rows) => rows.length > 3)).toEqual([]);
  expect(copies.size).toBeGreaterThanOrEqual(3 * PEOPLE - doubts);

  const written = await rowsOf<{ score: number; members: number; n: number }>(journey,
    `select c.score, count(m.customer_id)::int as members, count(*)::int as n from enrollment e join customer c on c.id = e.customer_id left join list_member m on m.customer_id = c.id and m.list_id = $2 where e.journey_id = $1 group by 1`, [list!.id]);
  expect(written).toEqual([{ score: 11, members: PEOPLE, n: PEOPLE }]);
  // A webhook whose worker died may come again, under the id it came with before.
  expect(new Set(hooks.requests.map((request) => request.headers['webhook-id'])).size).toBe(PEOPLE);
  expect(hooks.requests.length).toBeLessThanOrEqual(PEOPLE + 20 * KILLS);
  const steps = await rowsOf<{ steps: number; n: number }>(journey, `select count(*)::int as n, steps from (select e.id, count(s.visit)::int as steps from enrollment e left join enrollment_step s on s.enrollment_id = e.id where e.journey_id = $1 group by e.id) x group by steps`);
  expect(steps).toEqual([{ steps: 8, n: PEOPLE }]);
  expect(await countersDiffer(journey)).toEqual([]);
  expect(await overdue(journey)).toEqual([]);
}, 900_000);
