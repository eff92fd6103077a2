import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareJourneyMails } from '../../infra/journeys/mails.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { addConnection, peopleOf } from '../support/fault-campaign.ts';
import { send, update } from '../support/journey-dsl.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { activeIn, customers, enrollAll, overdue, pathsOf, publish, rowsOf, standings, type PublishedJourney } from '../support/published-journey.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { listenForTracking } from '../support/sent-campaign.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

let organization: TestOrganization;
let sink: SmtpSink;
let worker: SendWorker;
let connectionId: string;
let server: Server;
let base: string;

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink({ keepsMessages: true });
  connectionId = await addConnection(organization, { port: sink.port });
  worker = await startSendWorker();
  ({ base, server } = await listenForTracking(organization.container));
}, 120_000);
afterAll(async () => {
  server.close();
  await worker.stop('SIGTERM');
  await sink.close();
  await organization.close();
}, 60_000);

const untilOver = (journey: PublishedJourney, withinMs: number) => expect.poll(() => activeIn(journey), { timeout: withinMs, interval: 200 }).toBe(0);
const sentBy = async (journey: PublishedJourney) => (await sink.rows()).filter((row) => row.sender === journey.sender);
const use = <R extends object>(text: string, values: readonly unknown[] = []) => organization.container.tenants.use(organization.orgId, ({ sql }) => sql.rows<R>(text, values));
/** The last mail the server got, its quoted-printable undone. */
async function lastMail(journey: PublishedJourney): Promise<string> {
  const rows = await sink.rows();
  const place = rows.findLastIndex((row) => row.sender === journey.sender);
  return (await sink.message(place)).toString('latin1').replaceAll('=\r\n', '').replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test('a mail says what its journey and the event that brought her in say, tracked and signed off like any other', async () => {
  const journey = await publish(organization, connectionId, send('Your cart', {
    subject: '{{ event.properties.item }} for {{ first_name }}',
    html: '<p>{{ journey.name }}: {{ event.name }}, {{ event.properties.cart.total }} €.</p><p><a href="https://shop.example/a">A</a> <a href="https://shop.example/{{ event.properties.item }}">B</a> <a href="{{ web_version_url }}">Web</a> <a href="{{ unsubscribe_url }}">Leave</a></p>',
  }));
  const [id] = await customers(organization, ['ada@x.example']);
  const [event] = await use<{ id: number }>(`insert into event (type, customer_id, occurred_at, source, detail) values ('custom', $1, now(), 'api', '{"name": "cart_left", "properties": {"item": "shoes", "cart": {"total": 42}}}') returning id`, [id]);
  await enrollAll(journey, [id!], event!.id);
  await untilOver(journey, 30_000);

  const mail = await lastMail(journey);
  expect(mail).toContain('Subject: shoes for Ada');
  expect(mail).toContain('Welcome series: cart_left, 42');
  expect(mail).toMatch(/^Feedback-ID: \d+:[^:]+:journey:fermata/m);
  expect(mail).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
  const mailNo = journey.mails.get('your-cart')!;
  expect(await use('select url from link where mail_no = $1 order by no', [mailNo])).toEqual([
    { url: expect.stringMatching(/^https:\/\/shop\.example\/a\?utm_source=.*utm_campaign=welcome-series&utm_content=your-cart/) }, { url: expect.stringContaining('{{ event.properties.item }}') }]);

  const { org } = await organization.container.tenants.use(organization.orgId, async (tenant) => tenant);
  const [{ ordinal }] = (await use<{ ordinal: number }>('select ordinal from message where mail_no = $1', [mailNo])) as [{ ordinal: number }];
  const idOf = (kind: 'open' | 'click' | 'unsubscribe' | 'web', link = 0) => createTrackingIds(organization.container.secrets).mint({ orgNo: org.no, mailNo, ordinal }, [{ kind, link }])[0]!;
  expect((await fetch(`${base}/open/${idOf('open')}`)).status).toBe(200);
  const click = await fetch(`${base}/click/${idOf('click', 1)}`, { redirect: 'manual' });
  expect(click.headers.get('location')).toMatch(/^https:\/\/shop\.example\/shoes\?utm_source/);
  expect(await (await fetch(`${base}/web/${idOf('web')}`)).text()).toContain('Welcome series: cart_left, 42');
  const left = await fetch(`${base}/unsubscribe/${idOf('unsubscribe')}`, { method: 'POST' });
  expect(left.status).toBe(200);
  expect(await use('select is_unsubscribed as "isUnsubscribed" from customer where id = $1', [id])).toEqual([{ isUnsubscribed: true }]);
}, 60_000);

test('whatever becomes of a mail, she goes on and the path says what it was', async () => {
  const journey = await publish(organization, connectionId, send('hello'), update('city', { mode: 'set', value: 'Rome' }));
  const ids = await customers(organization, [...peopleOf({ ok: 3, rcpt550: 1, dot554: 1, 'dotdrop-fin': 1 }, 'mix'), 'ok.mixsuppressed@example.com']);
  const cohort = await enrollWhileClosed(journey, ids);
  await use('update customer set is_suppressed = true where id = $1', [ids.at(-1)]);
  await open(journey, cohort);
  await untilOver(journey, 60_000);
  const ends = await use<{ email: string; mail: string; reason: string | null }>(
    `select c.email, s.detail->>'mail' as mail, s.detail->>'reason' as reason from enrollment_step s join enrollment e on e.id = s.enrollment_id join customer c on c.id = e.customer_id where e.journey_id = $1 and s.node_id = 'hello' order by e.id`, [journey.id]);
  // Whose address is dead leaves the journey for it, at this step or a moment later.
  const others = ends.filter(({ reason }) => reason !== 'hard_bounce');
  expect(others.map(({ mail, reason }) => [mail, reason].filter((word) => word !== null).join(' '))).toEqual(['sent', 'sent', 'sent', 'failed content', 'in_doubt no_answer', 'skipped suppressed']);
  expect((await sentBy(journey)).filter((row) => row.recipient.startsWith('ok.'))).toHaveLength(3);
  const counts = await use('select sum(sent)::int as sent, sum(failed)::int as failed, sum(skipped)::int as skipped, sum(in_doubt)::int as "inDoubt" from mail_count where mail_no = $1', [journey.mails.get('hello')]);
  expect(counts).toEqual([{ sent: 3, failed: 2, skipped: 1, inDoubt: 1 }]);
}, 90_000);

test('a temporary refusal is tried again when its time has come; nobody waits in a slot', async () => {
  const journey = await publish(organization, connectionId, send('again'));
  const [cohort] = await enrollAll(journey, await customers(organization, peopleOf({ ok: 5, 'grey-1': 2 }, 'retry')));
  await expect.poll(() => activeIn(journey), { timeout: 30_000 }).toBe(2);
  // Who has an end goes first, a moment later the others rest.
  const wait = async () => (await use<{ wait: number }>(`select extract(epoch from min(due_at) - now())::float8 as wait from enrollment where journey_id = $1 and state = 'active'`, [journey.id]))[0]!.wait;
  await expect.poll(wait).toBeGreaterThan(40);
  expect(await overdue(journey)).toEqual([]);
  await use('update retry set due_at = now() where mail_no = $1', [journey.mails.get('again')]);
  await use(`update enrollment set due_at = now() where journey_id = $1 and state = 'active'`, [journey.id]);
  await organization.container.gateway.wakeCohort(cohort!, ['again']);
  await untilOver(journey, 30_000);
  const rows = await sentBy(journey);
  expect(rows).toHaveLength(7);
  expect(new Set(rows.map((row) => row.recipient)).size).toBe(7);
}, 90_000);

test('a limit lets out what it may; who leaves meanwhile gets no mail, the others theirs', async () => {
  const limited = await addConnection(organization, { port: sink.port, limits: { minute: 2 } });
  const journey = await publish(organization, limited, send('slowly'));
  const ids = await customers(organization, peopleOf({ ok: 6 }, 'limit'));
  const [cohort] = await enrollAll(journey, ids);
  await expect.poll(() => activeIn(journey), { timeout: 30_000 }).toBe(4);
  expect(await overdue(journey)).toEqual([]);
  const leaving = (await use<{ id: number }>(`update enrollment set state = 'exited', reason = 'removed', due_at = null, ended_at = now() where id = (select max(id) from enrollment where journey_id = $1 and state = 'active') returning id`, [journey.id]))[0]!;
  await use(`update connection set limits = '{}', version = version + 1 where id = $1`, [limited]);
  await use(`update enrollment set due_at = now() where journey_id = $1 and state = 'active'`, [journey.id]);
  await organization.container.gateway.wakeCohort(cohort!, ['slowly']);
  await untilOver(journey, 30_000);
  expect(await sentBy(journey)).toHaveLength(5);
  expect(await use('select state, reason from message where enrollment_id = $1', [leaving.id])).toEqual([{ state: 4, reason: 'cancelled' }]);
  await expect.poll(() => use('select 1 from lane where mail_no = $1', [journey.mails.get('slowly')]), { timeout: 30_000 }).toEqual([]);
}, 90_000);

test('a broken connection holds people and flags the journey; when it works again they go on by themselves, each once', async () => {
  const server = await startSmtpSink();
  const { port } = server;
  await server.kill();
  const broken = await addConnection(organization, { port });
  const journey = await publish(organization, broken, send('held'), update('city', { mode: 'set', value: 'Bern' }));
  await enrollAll(journey, await customers(organization, peopleOf({ ok: 10 }, 'held')));
  await expect.poll(() => use<{ step: string | null }>('select problem_step as step from journey where id = $1', [journey.id]).then((rows) => rows[0]?.step), { timeout: 90_000 }).toBe('held');
  expect(await use('select health from connection where id = $1', [broken])).toEqual([{ health: 'broken' }]);
  await expect.poll(() => use(`select 1 from enrollment where journey_id = $1 and due_at > now()`, [journey.id]).then((rows) => rows.length), { timeout: 30_000 }).toBe(10);
  expect(await pathsOf(journey)).toEqual(new Map());
  expect(await use('select state, count(*)::int as n from message where mail_no = $1 group by 1', [journey.mails.get('held')])).toEqual([{ state: 0, n: 10 }]);
  await server.start();
  await untilOver(journey, 90_000);
  expect((await server.rows()).filter((row) => row.sender === journey.sender)).toHaveLength(10);
  expect(await use('select problem, problem_step as step from journey where id = $1', [journey.id])).toEqual([{ problem: null, step: null }]);
  expect(await use('select health from connection where id = $1', [broken])).toEqual([{ health: 'healthy' }]);
  await server.close();
}, 240_000);

test('a disabled connection holds people and says so; who is taken away frees the journey of its flag, the others go on once it is enabled', async () => {
  const disabled = await addConnection(organization, { port: sink.port });
  await use('update connection set enabled = false where id = $1', [disabled]);
  const journey = await publish(organization, disabled, send('off'));
  const [first] = await enrollAll(journey, await customers(organization, ['ok.off1@example.com']));
  const problem = () => use<{ problem: string | null }>('select problem from journey where id = $1', [journey.id]).then((rows) => rows[0]!.problem);
  await expect.poll(problem, { timeout: 30_000 }).toMatch(/is disabled/);
  await use(`update enrollment set state = 'exited', reason = 'removed', due_at = null, ended_at = now() where journey_id = $1`, [journey.id]);
  await organization.container.gateway.wakeCohort(first!, ['off']);
  await expect.poll(problem, { timeout: 30_000 }).toBeNull();

  const [second] = await enrollAll(journey, await customers(organization, ['ok.off2@example.com']));
  await expect.poll(problem, { timeout: 30_000 }).toMatch(/is disabled/);
  await use('update connection set enabled = true where id = $1', [disabled]);
  await use(`update enrollment set due_at = now() where journey_id = $1 and state = 'active'`, [journey.id]);
  await organization.container.gateway.wakeCohort(second!, ['off']);
  await untilOver(journey, 30_000);
  expect((await sentBy(journey)).map((row) => row.recipient)).toEqual(['ok.off2@example.com']);
  expect(await problem()).toBeNull();
}, 90_000);

test('the backup connection takes over', async () => {
  const refusing = await startSmtpSink({ rules: { sender: '550' } });
  const primary = await addConnection(organization, { port: refusing.port });
  await use('update connection set backup_id = $2 where id = $1', [primary, connectionId]);
  const journey = await publish(organization, primary, send('backed'));
  await enrollAll(journey, await customers(organization, peopleOf({ ok: 20 }, 'backed')));
  await untilOver(journey, 60_000);
  expect(await sentBy(journey)).toHaveLength(20);
  expect(await standings(journey)).toEqual({ 'completed backed': 20 });
  await refusing.close();
}, 90_000);

test('whoever is moved to a newer version while her mail waits, or was just sent, gets it once', async () => {
  const limited = await addConnection(organization, { port: sink.port, limits: { hour: 1 } });
  const journey = await publish(organization, limited, send('moved'));
  const ids = await customers(organization, peopleOf({ ok: 3 }, 'moved'));
  await enrollAll(journey, ids);
  await expect.poll(() => activeIn(journey), { timeout: 30_000 }).toBe(2);
  const mailNo = journey.mails.get('moved')!;
  // Of the two who wait one was sent to in the very moment before: she stands there still.
  const [pending, sent] = (await use<{ id: number }>(`select id from enrollment where journey_id = $1 and state = 'active' order by id`, [journey.id])) as [{ id: number }, { id: number }];
  await use(`update message set state = 2, attempt = 1, ended_at = now() where enrollment_id = $1`, [sent.id]);
  await use(`update connection set limits = '{}', version = version + 1 where id = $1`, [limited]);
  const cohortId = await organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.transaction(async (tx) => {
    await tx.run(`insert into journey_version (journey_id, no, graph, published_by) select journey_id, 2, graph, 'test' from journey_version where journey_id = $1`, [journey.id]);
    await prepareJourneyMails(tenant, tx, journey.id, 2, journey.graph);
    const cohort = await tx.first<{ id: number }>('insert into cohort (journey_id, version_no, size) values ($1, 2, 2) returning id', [journey.id]);
    await tx.run(`update enrollment set version_no = 2, cohort_id = $2, due_at = now() where journey_id = $1 and state = 'active'`, [journey.id, cohort!.id]);
    return cohort!.id;
  }));
  await organization.container.gateway.startCohort({ orgId: organization.orgId, journeyId: journey.id, versionNo: 2, cohortId });
  await untilOver(journey, 30_000);
  expect(new Set((await sentBy(journey)).map((row) => row.recipient)).size).toBe(2);
  expect(await sentBy(journey)).toHaveLength(2);
  const messages = await use<{ id: number; states: string[] }>(`select enrollment_id as id, array_agg(case when mail_no = $2 then 'old ' else 'new ' end || state order by mail_no) as states from message where enrollment_id = any($1) group by 1`, [[pending.id, sent.id], mailNo]);
  expect(Object.fromEntries(messages.map((row) => [row.id, row.states]))).toEqual({ [pending.id]: ['old 4', 'new 2'], [sent.id]: ['old 2'] });
}, 90_000);

test('the frequency cap skips and she goes on', async () => {
  await use('update sending_setting set cap_mails = 1, cap_days = 7');
  const journey = await publish(organization, connectionId, send('first'), send('second'));
  await enrollAll(journey, await customers(organization, peopleOf({ ok: 4 }, 'cap')));
  await untilOver(journey, 30_000);
  await use('update sending_setting set cap_mails = null, cap_days = null');
  expect(await sentBy(journey)).toHaveLength(4);
  const reasons = await use(`select s.detail->>'reason' as reason, count(*)::int as n from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 and s.node_id = 'second' group by 1`, [journey.id]);
  expect(reasons).toEqual([{ reason: 'frequency_cap', n: 4 }]);
}, 60_000);

test('what a dead worker had in hand for somebody who has left comes to be in doubt', async () => {
  const journey = await publish(organization, connectionId, send('left'));
  const mailNo = journey.mails.get('left');
  const cohort = await enrollWhileClosed(journey, await customers(organization, peopleOf({ ok: 2 }, 'left')));
  const [gone] = (await use<{ id: number }>('select min(id) as id from enrollment where journey_id = $1', [journey.id])) as [{ id: number }];
  // As a killed worker leaves it.
  await use('update mail set last_ordinal = 1, epoch = 1 where no = $1', [mailNo]);
  await use(`insert into message (mail_no, ordinal, customer_id, enrollment_id, visit, state, epoch, attempt, connection_no, started_at) select $1, 1, customer_id, id, visit, 1, 1, 1, (select no from connection where id = $3), now() from enrollment where id = $2`, [mailNo, gone.id, connectionId]);
  await use('insert into lane (mail_no, connection_no, shard, epoch, cohort_id, first_ordinal, last_ordinal) select $1, no, 1, 1, $2, 1, 1 from connection where id = $3', [mailNo, cohort.cohortId, connectionId]);
  await use(`update enrollment set state = 'exited', reason = 'removed', due_at = null, ended_at = now() where id = $1`, [gone.id]);
  await open(journey, cohort);
  await untilOver(journey, 30_000);
  await expect.poll(() => use('select 1 from lane where mail_no = $1', [mailNo]), { timeout: 30_000 }).toEqual([]);
  expect(await use('select state, reason from message where enrollment_id = $1', [gone.id])).toEqual([{ state: 5, reason: 'interrupted' }]);
  expect(await use('select sum(sent)::int as sent, sum(in_doubt)::int as "inDoubt" from mail_count where mail_no = $1', [mailNo])).toEqual([{ sent: 1, inDoubt: 1 }]);
}, 90_000);

/** Lets people in while the mails are closed, so that something can happen to them before they are sent. */
async function enrollWhileClosed(journey: PublishedJourney, ids: readonly number[]) {
  await rowsOf(journey, 'update mail set open = false where ref_id = $1 returning no');
  const [cohort] = await enrollAll(journey, ids);
  return cohort!;
}

async function open(journey: PublishedJourney, cohort: Awaited<ReturnType<typeof enrollWhileClosed>>): Promise<void> {
  await rowsOf(journey, 'update mail set open = true where ref_id = $1 returning no');
  await organization.container.gateway.resumeCohort(cohort);
}
