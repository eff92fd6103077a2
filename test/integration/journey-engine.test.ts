import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setJourneyMailsOpen } from '../../infra/journeys/mails.ts';
import { addConnection, peopleOf } from '../support/fault-campaign.ts';
import { addTo, condition, exit, holds, removeFrom, send, split, update } from '../support/journey-dsl.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { activeIn, countersDiffer, customers, enrollAll, overdue, pathsOf, publish, rowsOf, standings, waitSeconds, type PublishedJourney } from '../support/published-journey.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

let organization: TestOrganization;
let sink: SmtpSink;
let worker: SendWorker;
let connectionId: string;

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  connectionId = await addConnection(organization, { port: sink.port, parallel: 24 });
  worker = await startSendWorker();
}, 120_000);
afterAll(async () => {
  await worker.stop('SIGTERM');
  await sink.close();
  await organization.close();
}, 60_000);

const people = (count: number, label: string) => customers(organization, peopleOf({ ok: count }, label));
const untilOver = (journey: PublishedJourney, withinMs: number) => expect.poll(() => activeIn(journey), { timeout: withinMs, interval: 200 }).toBe(0);
async function newList(name: string): Promise<string> {
  const id = randomUUID();
  await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.run('insert into list (id, name) values ($1, $2)', [id, `${name} ${id}`]));
  return id;
}

test('a thousand customers go through ten steps: each mail, field and list once, and the counters say so', async () => {
  const [list, other] = [await newList('Members'), await newList('Others')];
  const ids = await people(1_000, 'ten');
  const before = ids.slice(0, 300);
  await organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    await sql.run('update customer set score = case when id = any($1) then 5 end where id = any($2)', [before, ids]);
    await sql.run('insert into list_member (list_id, customer_id) select $1, id from unnest($2::bigint[]) u(id)', [other, ids]);
  });
  const journey = await publish(organization, connectionId,
    send('welcome'), waitSeconds(2), update('score', { mode: 'add', amount: 10 }), addTo(list),
    condition(holds('score', 'greater_than', 12), send('offer'), send('reminder')), waitSeconds(1), removeFrom(other), split([50, update('city', { mode: 'set', value: 'Paris' })], [50, []]), exit('done'));
  expect(await enrollAll(journey, ids)).toHaveLength(1);
  await untilOver(journey, 60_000);

  expect(await standings(journey)).toEqual({ 'completed done': 1_000 });
  const rows = (await sink.rows()).filter((row) => row.sender === journey.sender);
  expect(rows).toHaveLength(2_000);
  expect(new Set(rows.map((row) => row.messageId)).size).toBe(2_000);
  const scores = await rowsOf<{ score: number; n: number; lists: number; versions: boolean }>(journey,
    `select c.score, count(*)::int as n, count(*) filter (where exists (select from list_member m where m.customer_id = c.id and m.list_id = $2))::int as lists,
            bool_and(not exists (select from list_member m where m.customer_id = c.id and m.list_id = $3)) as versions
       from enrollment e join customer c on c.id = e.customer_id where e.journey_id = $1 group by 1 order by 1`, [list, other]);
  expect(scores).toEqual([{ score: 10, n: 700, lists: 700, versions: true }, { score: 15, n: 300, lists: 300, versions: true }]);
  const paths = [...(await pathsOf(journey)).values()];
  expect(paths.filter((path) => path.includes('offer:next'))).toHaveLength(300);
  expect(paths.filter((path) => path.includes('reminder:next'))).toHaveLength(700);
  for (const path of paths) expect([9, 10]).toContain(path.length);
  expect(await countersDiffer(journey)).toEqual([]);
  const details = await rowsOf<{ detail: { from: unknown; to: unknown } }>(journey, `select s.detail from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 and s.node_id = 'update-score' limit 5`);
  for (const { detail } of details) expect(Number(detail.to)).toBe(Number(detail.from ?? 0) + 10);
  // What a lane was for is over.
  expect(await rowsOf(journey, `select 1 from lane l join mail m on m.no = l.mail_no where m.ref_id = $1`)).toEqual([]);
  expect(await overdue(journey)).toEqual([]);
}, 120_000);

test('a paused journey moves nobody and sends nothing; after Resume everybody goes on exactly once', async () => {
  const journey = await publish(organization, connectionId, waitSeconds(3), send('later'), update('score', { mode: 'add', amount: 1 }));
  const ids = await people(50, 'pause');
  await enrollAll(journey, ids);
  await expect.poll(() => rowsOf(journey, `select 1 from enrollment where journey_id = $1 and due_at > arrived_at`).then((rows) => rows.length), { timeout: 30_000 }).toBe(50);
  const { container, orgId } = organization;
  const pause = (state: 'paused' | 'published') => container.tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
    await tx.run('update journey set state = $2 where id = $1', [journey.id, state]);
    await setJourneyMailsOpen(tx, journey.id, state === 'published');
  }));
  await pause('paused');
  await expect.poll(() => rowsOf(journey, 'select 1 from cohort where journey_id = $1 and parked').then((rows) => rows.length), { timeout: 30_000 }).toBe(1);
  expect(await activeIn(journey)).toBe(50);
  expect(await pathsOf(journey)).toEqual(new Map());
  expect(await overdue(journey)).toEqual([]);
  await pause('published');
  for (const cohort of await rowsOf<{ id: number }>(journey, 'select id from cohort where journey_id = $1 and parked')) await container.gateway.resumeCohort({ orgId, journeyId: journey.id, versionNo: 1, cohortId: cohort.id });
  await untilOver(journey, 30_000);
  expect((await sink.rows()).filter((row) => row.sender === journey.sender)).toHaveLength(50);
  expect(await rowsOf(journey, 'select distinct score from customer where id = any($2) and $1::uuid is not null', [ids])).toEqual([{ score: 2 }]);
  expect(await rowsOf(journey, 'select 1 from cohort where journey_id = $1 and parked')).toEqual([]);
}, 120_000);

test('what cannot be written is no fault: the path says why and she goes on', async () => {
  const list = await newList('Gone');
  await organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    await sql.run(`insert into custom_field (key, label, type, wanted_type, slot) values ('visits_made', 'Visits', 'number', 'number', 'n7')`);
  });
  const journey = await publish(organization, null,
    update('custom.visits_made', { mode: 'add', amount: 1 }), update('custom.visits_made', { mode: 'template', template: '{{ city }}' }), update('custom.gone', { mode: 'set', value: 'x' }), addTo(list));
  const ids = await people(3, 'misfit');
  await organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    await sql.run(`update customer set city = 'Rome', custom = case when id = $1 then '{"visits_made": "many"}'::jsonb when id = $2 then '{"visits_made": "0.2"}' else '{}' end where id = any($3)`, [ids[0], ids[1], ids]);
    await sql.run('delete from list_record where id = $1', [list]);
  });
  await enrollAll(journey, ids);
  await untilOver(journey, 30_000);
  expect(await rowsOf(journey, `select custom from customer where id = any($2) and $1::uuid is not null order by id`, [ids])).toEqual([{ custom: { visits_made: 'many' } }, { custom: { visits_made: '1.2' } }, { custom: { visits_made: '1' } }]);
  const problems = await rowsOf<{ node: string; problem: string | null }>(journey,
    `select s.node_id as node, s.detail->>'problem' as problem from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 and e.customer_id = $2 order by s.visit`, [ids[0]]);
  expect(problems.map((step) => step.problem)).toEqual(['“many” is no number.', '“Rome” is no number.', 'There is no field custom.gone any more.', 'The list was deleted.']);
}, 60_000);

test('who is in the exit segment leaves before her next step', async () => {
  const segment = randomUUID();
  await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.run(`insert into segment (id, name, rule) values ($1, $2, $3)`, [segment, `In Oslo ${segment}`, JSON.stringify({ op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Oslo' }] })]));
  const entry = { kind: 'entry' as const, name: 'entry', config: { trigger: { kind: 'manual' }, reentry: 'after_completion', goal: null, exits: { goal: true, segment } } };
  const journey = await publish(organization, null, entry, waitSeconds(3), update('score', { mode: 'add', amount: 1 }));
  const ids = await people(4, 'oslo');
  await enrollAll(journey, ids);
  await expect.poll(() => rowsOf(journey, `select 1 from enrollment where journey_id = $1 and due_at > arrived_at`).then((rows) => rows.length), { timeout: 30_000 }).toBe(4);
  await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.run(`update customer set city = 'Oslo' where id = $1`, [ids[2]]));
  await untilOver(journey, 30_000);
  expect(await standings(journey)).toEqual({ 'exited segment wait-3-s': 1, 'completed update-score': 3 });
  // Under "after completion" an ended run makes room for the next.
  expect(await rowsOf(journey, `select distinct reentry_key = id::text as is_free from enrollment where journey_id = $1`)).toEqual([{ is_free: true }]);
}, 60_000);

test('a step that was taken by hand, or a run whose workflow was lost, goes on from the rows', async () => {
  const journey = await publish(organization, null, waitSeconds(600), update('score', { mode: 'add', amount: 1 }), exit('done'));
  const [input] = await enrollAll(journey, await people(3, 'hand'));
  await expect.poll(() => rowsOf(journey, `select 1 from enrollment where journey_id = $1 and due_at > arrived_at`).then((rows) => rows.length), { timeout: 30_000 }).toBe(3);
  await rowsOf(journey, `update enrollment set node_id = 'update-score', visit = visit + 1, arrived_at = now(), due_at = now() where id = (select min(id) from enrollment where journey_id = $1)`);
  await organization.container.gateway.wakeCohort(input!, ['update-score']);
  await expect.poll(() => standings(journey), { timeout: 30_000 }).toEqual({ 'completed done': 1, 'active wait-600-s': 2 });
  // On an exit nobody stands: whoever is put there has reached the end.
  await rowsOf(journey, `update enrollment set node_id = 'done', visit = visit + 1, due_at = now() where id = (select min(id) from enrollment where journey_id = $1 and state = 'active')`);
  await organization.container.gateway.wakeCohort(input!, ['done']);
  await expect.poll(() => standings(journey), { timeout: 30_000 }).toEqual({ 'completed done': 2, 'active wait-600-s': 1 });
}, 90_000);
