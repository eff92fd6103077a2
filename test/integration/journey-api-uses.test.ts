import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { connect, customers, draftJourney, publishedJourney, publishNext, seat } from '../support/journey-api.ts';
import { addTo, condition, did, enters, exit, graphOf, inSegment, send, update, wait } from '../support/journey-dsl.ts';

/** What journeys use cannot be deleted; what uses journeys knows them. */

let api: TestApi;
let owner: TestUser;
let connection: string;

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
  connection = await connect(owner);
}, 60_000);
afterAll(() => api.close());

const made = async (path: string, body: object): Promise<string> => {
  const reply = await owner.post(path, body);
  expect(reply.status, JSON.stringify(reply.body)).toBe(201);
  return reply.body.id;
};
const listed = (name: string) => made('/lists', { name });
const segment = (name: string, parts: object[]) => made('/segments', { name, rule: { op: 'and', parts } });
const adding = (list: string) => ({ ...addTo(list), name: 'add' });
const asking = (id: string) => ({ ...inSegment(id), name: 'ask' });
const mail = (name: string, config: object = {}) => send(name, { connection, ...config });

test('lists, segments, campaigns, connections and fields that a draft uses are kept, and the refusal names it', async () => {
  const [list, asked, other] = [await listed('Trigger'), await segment('Asked', [{ field: 'city', operator: 'is_set' }]), await connect(owner, 'Other post')];
  const campaign = await made('/campaigns', { name: 'Followed' });
  await owner.post('/fields', { key: 'plan', label: 'Plan', type: 'text' });
  await owner.post('/fields', { key: 'stage', label: 'Stage', type: 'text' });
  const graph = graphOf(
    enters({ kind: 'event', event: 'clicked', campaign }), { ...send('hello', { connection: other, subject: 'Your {{ custom.plan }}' }) }, update('custom.stage', { mode: 'set', value: 'new' }), adding(list), condition(asking(asked), exit('end')));
  const { id, draftVersion } = await draftJourney(owner, 'User of all', graph);
  for (const path of [`/lists/${list}`, `/segments/${asked}`, `/campaigns/${campaign}`, `/connections/${other}`, '/fields/plan', '/fields/stage']) {
    const refused = await owner.delete(path);
    expect([refused.status, refused.body.detail], path).toEqual([409, expect.stringContaining('journey “User of all”')]);
  }
  expect((await owner.get(`/lists/${list}`)).body.usedBy).toEqual([{ kind: 'journey', id, name: 'User of all' }]);
  expect((await owner.get(`/segments/${asked}`)).body.usedBy).toEqual([{ kind: 'journey', id, name: 'User of all' }]);
  expect((await owner.get('/fields/details')).body.data.find((field: { key: string }) => field.key === 'plan').usedBy).toEqual([{ kind: 'journey', id, name: 'User of all' }]);

  await owner.request('PUT', `/journeys/${id}/draft`, { version: draftVersion, graph: graphOf(mail('hello')) });
  for (const path of [`/lists/${list}`, `/segments/${asked}`, `/campaigns/${campaign}`, `/connections/${other}`, '/fields/plan', '/fields/stage']) expect((await owner.delete(path)).status, path).toBe(204);
});

test('the live version and earlier ones with people inside keep what they use; an archived journey keeps nothing', async () => {
  const [first, second] = [await listed('First'), await listed('Second')];
  const [ada] = await customers(owner, 'Ada');
  const id = await publishedJourney(owner, 'Versions', graphOf(mail('hello'), adding(first)));
  const [run] = (await api.container.tenants.use(api.orgId, ({ sql }) => seat(sql, id, 1, 'hello', [ada!]))) as [number];
  await publishNext(owner, id, graphOf(mail('hello'), adding(second)));
  expect([(await owner.delete(`/lists/${first}`)).status, (await owner.delete(`/lists/${second}`)).status]).toEqual([409, 409]);
  await owner.post(`/journeys/${id}/enrollments/${run}/remove`, {});
  expect([(await owner.delete(`/lists/${first}`)).status, (await owner.delete(`/lists/${second}`)).status]).toEqual([204, 409]);
  await owner.post(`/journeys/${id}/archive`, {});
  expect((await owner.delete(`/lists/${second}`)).status).toBe(204);
});

test('journeys that mention each other are saved and published side by side', async () => {
  const [one, two] = [await publishedJourney(owner, 'One', graphOf(mail('hello'))), await publishedJourney(owner, 'Two', graphOf(mail('hello')))];
  const asking = (journey: string) => graphOf(mail('hello'), condition(did('opened', { journey }), exit('end')));
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([publishNext(owner, one, asking(two)), publishNext(owner, two, asking(one))]);
  }
  await owner.post(`/journeys/${one}/archive`, {});
  expect((await owner.delete(`/journeys/${one}`)).body.detail).toContain('journey “Two”');
});

test('a list that a queued enrollment is to take in is kept', async () => {
  const list = await listed('To be enrolled');
  const id = await publishedJourney(owner, 'Enrolling', graphOf(mail('hello')));
  await owner.post(`/journeys/${id}/enroll`, { listId: list });
  expect((await owner.delete(`/lists/${list}`)).body.detail).toContain('journey “Enrolling”');
});

test('what is gone is a problem on the step, not of the save', async () => {
  const list = await listed('Doomed');
  const id = await publishedJourney(owner, 'Orphaned', graphOf(mail('hello'), adding(list)));
  await owner.post(`/journeys/${id}/archive`, {});
  expect((await owner.delete(`/lists/${list}`)).status).toBe(204);
  await owner.post(`/journeys/${id}/unarchive`, {});
  const draft = (await owner.get(`/journeys/${id}/draft`)).body;
  expect([draft.names[list], draft.problems]).toEqual([undefined, expect.arrayContaining([expect.objectContaining({ node: 'add', field: 'list', severity: 'error' })])]);
  const refused = await owner.post(`/journeys/${id}/publish`, { draftVersion: draft.version });
  expect([refused.status, refused.body.errors.map((error: { field: string }) => error.field)]).toEqual([422, ['steps.add.list']]);
});

test('segments ask for mail of a journey and its steps, in words; such a journey cannot be deleted', async () => {
  const id = await publishedJourney(owner, 'Asked for', graphOf(mail('Hello there'), wait('1d'), mail('Again')));
  const { journeys } = (await owner.get('/segments/choices')).body;
  expect(journeys.find((journey: { id: string }) => journey.id === id)).toEqual({ id, name: 'Asked for', steps: [{ id: 'hello-there', name: 'Hello there' }, { id: 'again', name: 'Again' }] });
  const asked = await owner.post('/segments', { name: 'Readers', rule: { op: 'and', parts: [{ event: 'opened', operator: 'has_done', journey: id, step: 'hello-there' }] } });
  expect([asked.status, asked.body.sentence]).toEqual([201, 'Opened step “Hello there” of the journey “Asked for”']);
  const refused = await owner.post('/segments/count', { rule: { op: 'and', parts: [{ event: 'opened', operator: 'has_done', journey: id, step: 'nothing' }] } });
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'rule.parts[0].step']);
  await owner.post(`/journeys/${id}/archive`, {});
  expect((await owner.delete(`/journeys/${id}`)).body.detail).toContain('segment “Readers”');
  await owner.delete(`/segments/${asked.body.id}`);
  expect((await owner.delete(`/journeys/${id}`)).status).toBe(204);
});

test('the dashboard shows what is live and what is held up; reports what was mailed', async () => {
  const id = await publishedJourney(owner, 'Busy', graphOf(mail('hello')));
  await api.container.tenants.use(api.orgId, async ({ sql }) => {
    await sql.run(`update journey set problem = 'The connection “Post” is broken.', problem_step = 'hello' where id = $1`, [id]);
    await sql.run(`insert into mail_count (mail_no, hour, sent, unique_opened) select no, date_trunc('hour', now()), 8, 2 from mail where ref_id = $1`, [id]);
  });
  const dashboard = (await owner.get('/dashboard')).body;
  expect(dashboard.journeys.map((journey: { id: string }) => journey.id)).toContain(id);
  expect(dashboard.attention).toContainEqual(expect.objectContaining({ kind: 'journey_held', id, name: 'Busy', detail: 'The connection “Post” is broken.' }));
  expect((await owner.get('/reports/journeys')).body.data).toContainEqual(expect.objectContaining({ id, name: 'Busy', sent: 8, openRate: 25, enrolled: 0 }));
});

test('a preview of a step has the journey in its links and words', async () => {
  const { id } = await draftJourney(owner, 'Shown', graphOf(mail('hello', { html: '<p>{{ journey.name }}</p><p><a href="https://shop.example/x">Shop</a> <a href="{{ unsubscribe_url }}">no more</a></p>' })));
  const shown = (await owner.post('/render', { journeyId: id, step: 'hello' })).body;
  expect(shown.html).toContain('Shown');
  expect(shown.links[0].url).toContain('utm_campaign=shown');
  expect(shown.problems.filter((problem: { severity: string }) => problem.severity === 'error')).toEqual([]);
  expect((await owner.post('/render', { journeyId: connection })).body.errors[0].field).toBe('journeyId');
});
