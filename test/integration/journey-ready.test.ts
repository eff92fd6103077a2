import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { activeIn, countersDiffer, overdue, pathsOf, standings, type KnownJourney } from '../support/published-journey.ts';
import { chosen, startReadyStage, type ReadyStage } from '../support/ready-stage.ts';
import { createSentCampaign, type SentCampaign } from '../support/sent-campaign.ts';
import { startWebhookSink } from '../support/webhook-sink.ts';

/** The six ready journeys as people use them (product.md 16, scenarios 18 to 24): begun, filled in, published, entered by what triggers them. */

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const PATIENCE = { timeout: 60_000, interval: 50 };

let stage: ReadyStage;
let known: KnownJourney;

beforeAll(async () => { stage = await startReadyStage(); }, 180_000);
afterAll(() => stage?.close(), 90_000);
afterEach(async () => {
  expect(await overdue(known)).toEqual([]);
  expect(await countersDiffer(known)).toEqual([]);
});

/** The journey the questions of a test are about. */
const about = (id: string): KnownJourney => (known = { organization: stage.api, id });
const untilStanding = (journey: KnownJourney, wanted: Record<string, number>) => expect.poll(() => standings(journey), PATIENCE).toEqual(wanted);
const subjectsOf = async (address: string) => (await stage.mailsTo(address)).map((mail) => mail.subject);
const analytics = async (id: string) => (await stage.admin.get(`/journeys/${id}/analytics`)).body;
const people = (label: string, count: number, more: object = {}) => Array.from({ length: count }, (_, i) => ({ email: `${label}${i + 1}@ready.example`, firstName: 'Ada', ...more }));
const clicks = (campaign: SentCampaign, ordinal: number) => stage.follow(`${stage.api.baseUrl}/api/track/click/${campaign.id('click', ordinal)}`);

/** Answers of the event follow-up: the one to a Saturday's click, and one whose window opens in a minute. */
const followUps = { weekend: '', soon: '', opensAt: 0 };

test('event follow-up: who clicks in campaign X on a Saturday waits for Monday 09:00; other campaigns enroll nobody', async () => {
  const clickers = people('click', 2).map((one) => one.email);
  const [x, y] = [await createSentCampaign(stage.api, { name: 'X', recipients: clickers }), await createSentCampaign(stage.api, { name: 'Y', recipients: ['other@ready.example'] })];
  const entry = { trigger: { kind: 'event', event: 'clicked', campaign: x.campaignId } };
  const midnight = Math.floor(Date.now() / DAY) * DAY;
  // The week is turned until today is its Saturday.
  const weekdays = [2, 3, 4, 5, 6].map((days) => new Date(midnight + days * DAY).getUTCDay() || 7);
  followUps.opensAt = Math.ceil((Date.now() + 15_000) / MINUTE) * MINUTE;
  const from = new Date(followUps.opensAt).toISOString().slice(11, 16);
  const fill = (window: object) => (node: { kind: string }) => (node.kind === 'entry' ? entry : node.kind === 'time-window' ? window : undefined);
  followUps.weekend = await stage.fromReady('event-follow-up', 'Weekend', fill({ weekdays }));
  followUps.soon = await stage.fromReady('event-follow-up', 'Soon', fill({ weekdays: [1, 2, 3, 4, 5, 6, 7], from, to: new Date(followUps.opensAt + 8 * HOUR).toISOString().slice(11, 16) }));
  for (const id of [followUps.weekend, followUps.soon]) await stage.publish(id);

  await clicks(y, 1);
  await clicks(x, 1);
  await clicks(x, 2);
  await clicks(x, 2);
  const journey = about(followUps.weekend);
  await stage.untilResting(journey.id, 'office-hours', 2);
  expect(await standings(journey)).toEqual({ 'active office-hours': 2 });
  expect(await standings(about(followUps.soon))).toEqual({ 'active office-hours': 2 });
  const due = await stage.sql<{ at: Date }>('select distinct due_at as at from enrollment where journey_id = $1', [journey.id]);
  expect(due).toEqual([{ at: new Date(midnight + 2 * DAY + 9 * HOUR) }]);
  expect(await stage.mailsTo(...clickers, 'other@ready.example')).toEqual([]);
}, 150_000);

test('welcome series: who comes by CSV and API enters once, earlier members do not, and each goes on by whether the first mail was opened', async () => {
  const list = await stage.newList('Newcomers');
  await stage.join(list, people('earlier', 2));
  const id = await stage.fromReady('welcome-series', 'Welcome', (node) => (node.kind === 'entry' ? { trigger: { kind: 'list', list } } : undefined));
  await stage.publish(id);
  const journey = about(id);

  const csv = 'email,first_name\nada@ready.example,Ada\nADA@ready.example,Ada\nbea@ready.example,Bea\nearlier1@ready.example,Ada\n';
  const uploaded = await stage.admin.request('POST', `/imports?fileName=people.csv&listId=${list}&start=true`, csv, { 'content-type': 'text/csv' });
  expect(uploaded.status, JSON.stringify(uploaded.body)).toBe(201);
  await expect.poll(async () => (await stage.admin.get(`/imports/${uploaded.body.id}`)).body.state, PATIENCE).toBe('completed');
  await stage.join(list, [{ email: 'cleo@ready.example' }, { email: 'bea@ready.example' }, { email: 'earlier2@ready.example' }]);
  await stage.untilResting(id, 'wait-3-days', 3);
  expect(await standings(journey)).toEqual({ 'active wait-3-days': 3 });
  expect(await subjectsOf('ada@ready.example')).toEqual(['Welcome, Ada']);
  expect(await stage.mailsTo('earlier1@ready.example', 'earlier2@ready.example')).toEqual([]);
  // On the list again, she is no newcomer: a welcome is for once.
  await stage.admin.request('DELETE', `/lists/${list}/members`, { emails: ['bea@ready.example'] });
  await stage.join(list, [{ email: 'bea@ready.example' }]);
  await expect.poll(async () => (await stage.admin.get(`/journeys/${id}/refusals`)).body.data.map((one: { email: string; reason: string }) => [one.email, one.reason]), PATIENCE).toEqual([['bea@ready.example', 'reentry']]);

  await stage.reads(id, 'ada@ready.example', 'open');
  await expect.poll(async () => (await analytics(id)).steps.welcome.mail.opened, PATIENCE).toBe(1);
  await stage.timePasses(id, 3 * DAY - 2 * MINUTE);
  expect(await standings(journey)).toEqual({ 'active wait-3-days': 3 });
  await stage.timePasses(id, 2 * MINUTE);
  await stage.untilResting(id, 'wait-4-days', 3);
  await stage.timePasses(id, 4 * DAY);
  await untilStanding(journey, { 'completed welcomed': 3 });
  expect(await subjectsOf('ada@ready.example')).toEqual(['Welcome, Ada', 'Three things worth trying next', 'One question, Ada']);
  expect(await subjectsOf('bea@ready.example')).toEqual(['Welcome, Bea', 'In case you missed it: where to begin', 'One question, Bea']);
  expect(await subjectsOf('cleo@ready.example')).toEqual(['Welcome, good to have you', 'In case you missed it: where to begin', 'One question, if you have a minute']);
  const { total, steps } = await analytics(id);
  expect(total).toMatchObject({ enrolled: 3, active: 0, completed: 3, exited: 0 });
  expect(steps.opened).toMatchObject({ processed: 3, ports: { yes: 1, no: 2 } });
  expect(steps.welcome.mail).toMatchObject({ sent: 3, opened: 1, failed: 0, skipped: 0 });
}, 150_000);

test('win-back: who clicks leaves with the goal and counts in her version, the others are let go in the end', async () => {
  const list = await stage.newList('Silent');
  const silent = people('silent', 3);
  await stage.join(list, silent);
  const id = await stage.fromReady('win-back', 'Win back', (node) => (node.kind === 'remove-from-list' ? { list } : undefined));
  await stage.publish(id);
  const journey = about(id);
  expect(await stage.enroll(id, { listId: list })).toMatchObject({ enrolled: 3, barred: 0 });
  await stage.untilResting(id, 'wait-5-days', 3);
  await stage.redraw(id, (graph) => chosen(graph, (node) => (node.id === 'goodbye' ? { subject: 'Goodbye, for now' } : undefined)));
  await stage.publish(id);
  expect(await stage.enroll(id, { emails: ['silent2@ready.example', 'late@ready.example'], createUnknown: true })).toMatchObject({ enrolled: 1, barred: 1, created: 1 });
  await stage.untilResting(id, 'wait-5-days', 4);

  await stage.reads(id, 'silent1@ready.example', 'click');
  await untilStanding(journey, { 'exited goal wait-5-days': 1, 'active wait-5-days': 3 });
  expect((await analytics(id)).versions).toEqual([
    expect.objectContaining({ no: 2, enrolled: 1, active: 1, goals: 0, goalRate: 0 }),
    expect.objectContaining({ no: 1, enrolled: 3, active: 2, exited: 1, byReason: { goal: 1 }, goals: 1, goalRate: 33.33 }),
  ]);

  await stage.reads(id, 'silent2@ready.example', 'open');
  await expect.poll(async () => (await analytics(id)).steps['we-miss-you'].mail.opened, PATIENCE).toBe(2);
  for (const [days, step] of [[5, 'wait-a-week'], [7, 'wait-for-answer']] as const) {
    await stage.timePasses(id, days * DAY);
    await stage.untilResting(id, step, 3);
  }
  await stage.timePasses(id, 7 * DAY);
  await untilStanding(journey, { 'exited goal wait-5-days': 1, 'completed lost': 3 });
  expect(await subjectsOf('silent1@ready.example')).toEqual(['Ada, here is what you missed']);
  expect(await subjectsOf('silent2@ready.example')).toEqual(['Ada, here is what you missed', 'Something to come back for', 'Shall we say goodbye?']);
  expect(await subjectsOf('late@ready.example')).toEqual(['Hello, here is what you missed', 'Still the right address?', 'Goodbye, for now']);
  expect((await stage.admin.get(`/lists/${list}/members`)).body.data.map((one: { email: string }) => one.email)).toEqual(['silent1@ready.example']);
}, 150_000);

test('drip: four weekly lessons, each mail once and in order, with restarts in the middle of sending', async () => {
  const COUNT = 300;
  const list = await stage.newList('Course');
  const pupils = people('pupil', COUNT);
  await stage.join(list, pupils);
  const id = await stage.fromReady('drip', 'Course');
  await stage.publish(id);
  const journey = about(id);
  const sentIn = async () => (await stage.sql<{ n: number }>('select count(*)::int as n from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 and m.state = 2', [id]))[0]!.n;
  const restartWhile = async (sent: number) => {
    await expect.poll(sentIn, { timeout: 60_000, interval: 10 }).toBeGreaterThan(sent);
    await stage.restartWorker();
  };

  await stage.sink.script({ everybody: 'slow-60' });
  expect(await stage.enroll(id, { listId: list })).toMatchObject({ enrolled: COUNT });
  await restartWhile(20);
  await stage.untilResting(id, 'week-1', COUNT);
  await stage.timePasses(id, 7 * DAY);
  await stage.untilResting(id, 'week-2', COUNT);
  await stage.timePasses(id, 7 * DAY);
  await restartWhile(2 * COUNT + 20);
  await stage.sink.script({ everybody: null });
  await stage.untilResting(id, 'week-3', COUNT);
  await stage.timePasses(id, 7 * DAY);
  await untilStanding(journey, { 'completed done': COUNT });

  const byPupil = Map.groupBy(await stage.mailsTo(...pupils.map((one) => one.email)), (mail) => mail.to);
  const course = ['Lesson 1 of 4: begin with the end', 'Lesson 2 of 4: the smallest step', 'Lesson 3 of 4: what gets in the way', 'Lesson 4 of 4: make it last'];
  expect([...byPupil.values()].filter((mails) => mails.map((mail) => mail.subject).join() !== course.join()).map((mails) => mails.map((mail) => [mail.to, mail.subject]))).toEqual([]);
  expect(byPupil.size).toBe(COUNT);
  expect(await sentIn()).toBe(4 * COUNT);
}, 240_000);

test('behavioural trigger: buyers leave by “happened”, the others by “timed out”, a restart between the cart and the order', async () => {
  const id = await stage.fromReady('behavioural-trigger', 'Carts');
  await stage.publish(id);
  const journey = about(id);
  const shoppers = people('shopper', 5);
  const [first, second, third, fourth] = (await stage.join(null, shoppers)) as [number, number, number, number];
  const happens = async (name: string, customerIds: readonly number[], properties: object = {}) => {
    const reply = await stage.admin.post('/events', { events: customerIds.map((customerId) => ({ name, customerId, properties })) });
    expect(reply.body).toMatchObject({ accepted: customerIds.length });
  };
  await happens('cart_abandoned', [first, second, third, fourth], { product: 'A blue kettle' });
  await happens('page_viewed', [first]);
  await stage.untilResting(id, 'order-in-2-hours', 4);
  await happens('order_placed', [first]);
  await untilStanding(journey, { 'completed bought': 1, 'active order-in-2-hours': 3 });
  await stage.restartWorker(() => happens('order_placed', [second]));
  await untilStanding(journey, { 'completed bought': 2, 'active order-in-2-hours': 2 });

  await stage.timePasses(id, 2 * HOUR);
  await stage.untilResting(id, 'order-in-a-day', 2);
  const [reminder, ...others] = await stage.mailsTo(...shoppers.map((one) => one.email), 'shopper3@ready.example');
  expect([reminder!.subject, others.length]).toEqual(['You left something in your cart', 1]);
  expect(await reminder!.html()).toContain('You were about to order A blue kettle');
  await happens('order_placed', [third]);
  await untilStanding(journey, { 'completed bought': 2, 'completed bought-later': 1, 'active order-in-a-day': 1 });
  await stage.timePasses(id, DAY);
  await untilStanding(journey, { 'completed bought': 2, 'completed bought-later': 1, 'completed reminded-twice': 1 });
  expect(await subjectsOf('shopper4@ready.example')).toEqual(['You left something in your cart', 'Your cart will be cleared tomorrow']);
  const paths = await pathsOf(journey);
  expect([first, second, third, fourth].map((one) => paths.get(one)!.filter((step) => step.startsWith('order')))).toEqual([
    ['order-in-2-hours:happened'], ['order-in-2-hours:happened'], ['order-in-2-hours:timed_out', 'order-in-a-day:happened'], ['order-in-2-hours:timed_out', 'order-in-a-day:timed_out'],
  ]);
  expect((await analytics(id)).total).toMatchObject({ enrolled: 4, completed: 4, goals: 3, goalRate: 75 });
  // Whoever leaves another cart may come again.
  await happens('cart_abandoned', [fourth], { product: 'A mug' });
  await stage.untilResting(id, 'order-in-2-hours', 1);
}, 150_000);

test('versions: people stay on theirs, are moved where their step still exists, and Undo returns who has not moved on', async () => {
  const list = await stage.newList('Movers');
  await stage.join(list, people('mover', 200));
  const id = await stage.fromReady('drip', 'Moving course');
  await stage.publish(id);
  const journey = about(id);
  await stage.enroll(id, { listId: list });
  await stage.untilResting(id, 'week-1', 200);
  await stage.timePasses(id, 7 * DAY);
  await stage.untilResting(id, 'week-2', 200);
  // Of another day: they are a week behind.
  const late = people('late-mover', 300);
  await stage.join(null, late);
  await stage.enroll(id, { emails: late.map((one) => one.email) });
  await stage.untilResting(id, 'week-1', 300);
  const inVersions = async () => (await stage.admin.get(`/journeys/${id}/versions`)).body.data.map(({ no, active }: { no: number; active: number }) => [no, active]);

  // The third lesson follows at once on the second.
  await stage.redraw(id, ({ nodes, edges }) => ({
    nodes: nodes.filter((node) => node.id !== 'week-2'),
    edges: edges.flatMap((edge) => (edge.from === 'week-2' ? [] : [edge.to === 'week-2' ? { ...edge, to: 'lesson-3' } : edge])),
  }));
  const offer = { moving: 300, staying: 200, steps: [expect.objectContaining({ node: 'week-1', people: 300, moves: true }), expect.objectContaining({ node: 'week-2', people: 200, moves: false })] };
  expect((await stage.admin.post(`/journeys/${id}/validate`)).body).toEqual({ problems: [], people: offer });
  await stage.publish(id, { people: 'stay', note: 'Shorter' });
  expect(await inVersions()).toEqual([[2, 0], [1, 500]]);
  expect((await stage.admin.post(`/journeys/${id}/migrate`, { dryRun: true })).body).toMatchObject({ people: offer, job: null });

  const before = await stage.sql('select id, node_id, visit, due_at, entered_at from enrollment where journey_id = $1 order by id', [id]);
  const moved = await stage.admin.post(`/journeys/${id}/migrate`, {});
  expect(await stage.done(id, moved.body.job.id)).toMatchObject({ moved: 300, stayed: 200 });
  expect(await inVersions()).toEqual([[2, 300], [1, 200]]);
  expect(await stage.sql('select id, node_id, visit, due_at, entered_at from enrollment where journey_id = $1 order by id', [id])).toEqual(before);

  const [ahead] = await stage.sql<{ id: number }>('select e.id from enrollment e join customer c on c.id = e.customer_id where e.journey_id = $1 and c.email = $2', [id, 'late-mover1@ready.example']);
  expect((await stage.admin.post(`/journeys/${id}/enrollments/${ahead!.id}/move`, { step: 'lesson-2' })).status).toBe(200);
  await expect.poll(() => subjectsOf('late-mover1@ready.example'), PATIENCE).toHaveLength(3);
  const undone = await stage.admin.post(`/journeys/${id}/migrate/undo`);
  expect(await stage.done(id, undone.body.id)).toMatchObject({ moved: 299, stayed: 1 });
  expect(await inVersions()).toEqual([[2, 1], [1, 499]]);
  await stage.timePasses(id, 7 * DAY);
  await stage.untilResting(id, 'week-2', 299);
  await stage.timePasses(id, 7 * DAY);
  await expect.poll(() => standings(journey), PATIENCE).toMatchObject({ 'completed done': 201 });
  expect(await subjectsOf('late-mover1@ready.example')).toEqual(['Lesson 1 of 4: begin with the end', 'Lesson 2 of 4: the smallest step', 'Lesson 3 of 4: what gets in the way', 'Lesson 4 of 4: make it last']);
  expect(await subjectsOf('mover1@ready.example')).toHaveLength(4);
  await stage.untilResting(id, 'week-3', 299);
  expect((await stage.admin.post(`/journeys/${id}/archive`)).status).toBe(200);
  await expect.poll(() => activeIn(journey), PATIENCE).toBe(0);
  expect(await standings(journey)).toMatchObject({ 'completed done': 201, 'exited journey_archived week-3': 299 });
}, 240_000);

test('data enrichment: points, stage, list and webhook each once, the webhook late and signed after an hour without an answer', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const hooks = await startWebhookSink();
  try {
    hooks.answer = () => ({ status: 503, body: 'down' });
    const engaged = await stage.newList('Engaged');
    for (const [key, label] of [['lifecycle_stage', 'Stage'], ['last_journey', 'Last journey']]) expect((await stage.admin.post('/fields', { key, label, type: 'text' })).status).toBe(201);
    const id = await stage.fromReady('data-enrichment', 'Scoring', (node) => (node.kind === 'add-to-list' ? { list: engaged } : node.kind === 'webhook' ? { url: `${hooks.url}/engaged`, secret } : undefined));
    const [warm, cold] = (await stage.join(null, [{ email: 'warm@ready.example', firstName: 'Wilma', score: 40 }, { email: 'cold@ready.example' }])) as [number, number];
    const campaign = await createSentCampaign(stage.api, { name: 'Offers', recipients: ['warm@ready.example', 'cold@ready.example'] });
    await stage.publish(id);
    const journey = about(id);
    await clicks(campaign, 1);
    await clicks(campaign, 2);
    await expect.poll(() => standings(journey), PATIENCE).toEqual({ 'active tell': 1, 'completed collecting': 1 });
    const tried = (count: number) => expect.poll(() => stage.sql('select 1 from journey_webhook w join enrollment e on e.id = w.enrollment_id where e.journey_id = $1 and w.attempt >= $2 and w.next_at > now()', [id, count]).then((rows) => rows.length), PATIENCE).toBe(1);
    await tried(1);
    // Attempts at 0 s, 5 s, 5 min, 30 min: nobody answers. An hour is over before the next.
    for (const [passed, count] of [[5_000, 2], [5 * MINUTE, 3], [25 * MINUTE, 4]] as const) {
      await stage.timePasses(id, passed);
      await tried(count);
    }
    hooks.answer = () => ({ status: 204 });
    await stage.timePasses(id, 30 * MINUTE);
    expect(await standings(journey)).toEqual({ 'active tell': 1, 'completed collecting': 1 });
    await stage.timePasses(id, 60 * MINUTE);
    await untilStanding(journey, { 'completed told': 1, 'completed collecting': 1 });

    expect(hooks.requests).toHaveLength(5);
    expect(new Set(hooks.requests.map(({ headers, body }) => `${String(headers['webhook-id'])} ${body}`)).size).toBe(1);
    for (const { headers, body } of hooks.requests) {
      const signature = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`).digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${signature}`);
      expect(JSON.parse(body)).toMatchObject({ customer: { id: warm, email: 'warm@ready.example', first_name: 'Wilma' }, journey: 'Scoring', event: 'clicked' });
    }
    expect((await stage.admin.get(`/customers/${warm}`)).body).toMatchObject({ score: 50, custom: { lifecycle_stage: 'active', last_journey: 'Scoring' }, lists: [expect.objectContaining({ id: engaged })] });
    expect((await stage.admin.get(`/customers/${cold}`)).body).toMatchObject({ score: 10, custom: {}, lists: [] });
    expect((await stage.admin.get(`/lists/${engaged}/members`)).body.data).toHaveLength(1);
    // A run that has ended makes room for the next click.
    await clicks(campaign, 2);
    await untilStanding(journey, { 'completed told': 1, 'completed collecting': 2 });
    expect((await stage.admin.get(`/customers/${cold}`)).body.score).toBe(20);
    // It takes every click, those of the next test too.
    await stage.admin.post(`/journeys/${id}/archive`);
  } finally {
    hooks.close();
  }
}, 150_000);

test('event follow-up: the window opens, and they are answered then and not before; who reacts is not asked again', async () => {
  const sentAt = (id: string) => stage.sql<{ at: Date }>(`select m.ended_at as at from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 and mail.step_id = 'follow-up' and m.state = 2`, [id]);
  await expect.poll(() => sentAt(followUps.soon).then((rows) => rows.length), { timeout: 120_000 }).toBe(2);
  for (const { at } of await sentAt(followUps.soon)) {
    expect(at.getTime()).toBeGreaterThanOrEqual(followUps.opensAt);
    expect(at.getTime()).toBeLessThan(followUps.opensAt + 30_000);
  }
  await stage.admin.post(`/journeys/${followUps.soon}/archive`);

  // Monday: the clock of the engine cannot be set on, so the hours come to the people.
  const id = followUps.weekend;
  const journey = about(id);
  await stage.redraw(id, (graph) => chosen(graph, (node) => (node.kind === 'time-window' ? { weekdays: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '00:00' } : undefined)));
  await stage.publish(id, { people: 'move' });
  await expect.poll(() => stage.sql('select 1 from enrollment where journey_id = $1 and version_no = 2', [id]).then((rows) => rows.length), PATIENCE).toBe(2);
  expect(await sentAt(id)).toEqual([]);
  await stage.timePasses(id, 3 * DAY);
  await stage.untilResting(id, 'wait-2-days', 2);
  await stage.reads(id, 'click1@ready.example', 'click');
  await expect.poll(async () => (await analytics(id)).steps['follow-up'].mail.clicked, PATIENCE).toBe(1);
  await stage.timePasses(id, 2 * DAY);
  await untilStanding(journey, { 'completed interested': 1, 'completed reminded': 1 });
  expect((await subjectsOf('click2@ready.example')).slice(-1)).toEqual(['Is there a question open?']);
}, 240_000);
