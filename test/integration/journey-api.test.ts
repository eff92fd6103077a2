import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Graph } from '#domain/journey/graph.ts';
import { KEPT_SECRET } from '#domain/shared/forms.ts';
import { openStepSecret } from '../../infra/journeys/secrets.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { connect, draftJourney, publishedJourney } from '../support/journey-api.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import { addTo, enters, exit, graphOf, send, wait, webhook } from '../support/journey-dsl.ts';

/** Journeys as they are begun, drawn and published, over HTTP. */

let api: TestApi;
let owner: TestUser;
let connection: string;
let list: string;

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
  connection = await connect(owner);
  list = (await owner.post('/lists', { name: 'Newsletter' })).body.id;
}, 60_000);
afterAll(() => api.close());

const mail = (name: string) => send(name, { connection });
const put = (id: string, version: number, graph: unknown) => owner.request('PUT', `/journeys/${id}/draft`, { version, graph });
const inTenant = <T>(work: Parameters<TestApi['container']['tenants']['use']>[1]) => api.container.tenants.use(api.orgId, work) as Promise<T>;

test('a new journey is a draft with an entry and nobody in it', async () => {
  const made = await owner.post('/journeys', { name: '  Welcome Séries ' });
  expect([made.status, made.body]).toEqual([201, expect.objectContaining({
    name: 'Welcome Séries', slug: 'welcome-series', state: 'draft', active: 0, enrolled: 0, goals: 0, goalRate: null, activeVersion: null, hasDraft: true, trigger: 'No trigger chosen', triggerKind: 'none', temporalUrl: null,
    allowed: ['edit', 'publish', 'dry_run', 'duplicate', 'delete'],
  })]);
  const draft = (await owner.get(`/journeys/${made.body.id}/draft`)).body;
  expect(draft.graph).toEqual({ nodes: [{ id: 'entry', kind: 'entry', name: 'Entry', config: {}, x: 0, y: 0 }], edges: [] });
  expect(draft.problems).toEqual(expect.arrayContaining([expect.objectContaining({ node: 'entry', field: 'trigger', severity: 'error' })]));
});

test('six ready journeys begin as drafts of their own steps', async () => {
  const { data } = (await owner.get('/journeys/ready')).body;
  expect(data).toHaveLength(6);
  for (const { id, name } of data as { id: string; name: string }[]) {
    const made = await owner.post('/journeys', { name, ready: id });
    expect([made.status, made.body.state], name).toEqual([201, 'draft']);
    expect((await owner.get(`/journeys/${made.body.id}/draft`)).body.graph.nodes.length, name).toBeGreaterThan(2);
  }
  const refused = await owner.post('/journeys', { name: 'X', ready: 'nothing' });
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'ready']);
});

test('journeys are listed newest first, found by name and state, archived ones apart', async () => {
  const id = await publishedJourney(owner, 'Findable one', graphOf(enters({ kind: 'list', list }), mail('hello')));
  const found = (await owner.get('/journeys?search=findable&count=true')).body;
  expect([found.count, found.data[0]]).toEqual([1, expect.objectContaining({ id, name: 'Findable one', state: 'published', activeVersion: 1, triggerKind: 'list', trigger: 'Added to “Newsletter”' })]);
  expect((await owner.get('/journeys?search=findable&state=draft')).body.data).toEqual([]);
  await owner.post(`/journeys/${id}/archive`, {});
  expect((await owner.get('/journeys?search=findable')).body.data).toEqual([]);
  expect((await owner.get('/journeys?search=findable&archived=true')).body.data).toHaveLength(1);
  const page = (await owner.get('/journeys?limit=2')).body;
  expect((await owner.get(`/journeys?limit=2&cursor=${page.nextCursor}`)).body.data[0].id).not.toBe(page.data[0].id);
});

test('a name changes with the version it was read with; a stale one is refused', async () => {
  const { id } = await draftJourney(owner, 'Named', graphOf(mail('hello')));
  const { version } = (await owner.get(`/journeys/${id}`)).body;
  expect((await owner.patch(`/journeys/${id}`, { name: 'Renamed', version })).body).toMatchObject({ name: 'Renamed', slug: 'renamed' });
  expect((await owner.patch(`/journeys/${id}`, { name: 'Late', version })).status).toBe(409);
});

test('a draft saves as it is drawn, unfinished too; of two who save the same version one is refused', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Contested', graphOf(send('hello', { subject: '', connection: undefined })));
  const graphs = ['one', 'two'].map((name) => graphOf(mail(name)));
  const both = await Promise.all(graphs.map((graph) => put(id, draftVersion, graph)));
  expect(both.map((reply) => reply.status).sort()).toEqual([200, 409]);
  const won = both.findIndex((reply) => reply.status === 200);
  const draft = (await owner.get(`/journeys/${id}/draft`)).body;
  expect([draft.version, draft.graph]).toEqual([draftVersion + 1, graphs[won]]);
  expect(both[1 - won]!.body.detail).toContain('Somebody else saved this draft meanwhile');
});

test('problems are told on the very step, with what to do', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Faulty', graphOf(enters({ kind: 'list', list: randomUUID() }), send('hello', { subject: 'Hi {{ custom.nothing }}', connection: randomUUID(), html: '' })));
  const { problems } = (await put(id, draftVersion, graphOf(enters({ kind: 'list', list: randomUUID() }), send('hello', { subject: 'Hi {{ custom.nothing }}', connection: randomUUID(), html: '' })))).body;
  const of = (node: string) => problems.filter((problem: { node: string; severity: string }) => problem.node === node && problem.severity === 'error').map((problem: { field: string }) => problem.field).sort();
  expect(of('hello')).toEqual(['connection', 'html', 'subject']);
  expect(of('entry').join()).toContain('trigger');
  for (const { message } of problems) expect(message).toMatch(/\.$/);
  expect((await owner.post(`/journeys/${id}/validate`, {})).body).toMatchObject({ problems, people: { moving: 0, staying: 0, steps: [] } });
});

test('publishing names every problem with its step; nothing is published', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Not ready', graphOf(send('hello', { subject: '', connection })));
  const refused = await owner.post(`/journeys/${id}/publish`, { draftVersion });
  expect([refused.status, refused.body.errors.map((error: { field: string }) => error.field)]).toEqual([422, expect.arrayContaining(['steps.hello.subject'])]);
  expect((await owner.get(`/journeys/${id}`)).body).toMatchObject({ state: 'draft', activeVersion: null, hasDraft: true });
});

test('what is no graph is refused with the place of each fault', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Garbage', graphOf(mail('hello')));
  const before = (await owner.get(`/journeys/${id}/draft`)).body;
  const graph = graphOf(mail('hello')) as { nodes: object[]; edges: object[] };
  const faults: readonly [unknown, RegExp][] = [
    [undefined, /required/], ['text', /Expected a journey/], [{ nodes: [] }, /edges|entry/], [{ nodes: [], edges: [] }, /entry/],
    [{ ...graph, nodes: [...graph.nodes, graph.nodes[0]] }, /two steps|one entry/i], [{ ...graph, edges: [{ from: 'entry', port: 'sideways', to: 'hello' }] }, /port/],
    [{ ...graph, edges: [{ from: 'entry', port: 'next', to: 'nowhere' }] }, /does not exist/], [{ ...graph, nodes: [...graph.nodes, { id: 'x', kind: 'teleport', name: 'X', config: {}, x: 0, y: 0 }] }, /no kind of step/],
  ];
  for (const [fault, words] of faults) {
    const reply = await put(id, draftVersion, fault);
    expect([reply.status, reply.body.errors[0].field.split(/[.[]/)[0], reply.body.errors[0].message], JSON.stringify(fault)).toEqual([422, 'graph', expect.stringMatching(words)]);
  }
  expect((await owner.get(`/journeys/${id}/draft`)).body).toEqual(before);
});

test('100,000 steps are refused in words, quickly', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Huge', graphOf(mail('hello')));
  const nodes = Array.from({ length: 100_000 }, (_, i) => ({ id: `n${i}`, kind: 'exit', name: `Step ${i}`, config: {}, x: i, y: 0 }));
  const reply = await put(id, draftVersion, { nodes, edges: nodes.slice(1).map((node, i) => ({ from: `n${i}`, port: 'next', to: node.id })) });
  expect([reply.status, reply.body.detail]).toEqual([422, expect.stringContaining('at most 5,000 steps, this one has 100,000')]);
});

test('5,000 steps can be saved and published', async () => {
  const pieces = Array.from({ length: 4_998 }, (_, i) => ({ ...addTo(list), name: `add ${i}` }));
  const graph = graphOf(enters({ kind: 'manual' }), ...pieces, exit('end'));
  expect(graph.nodes).toHaveLength(5_000);
  const id = await publishedJourney(owner, 'Long', graph);
  expect((await owner.get(`/journeys/${id}/graph`)).body.graph).toEqual(graph);
});

test('a published version is live, read-only, with its mails and links; its trigger is armed', async () => {
  const graph = graphOf(enters({ kind: 'list', list }), mail('hello'), wait('1d'), mail('again'));
  const { id, draftVersion } = await draftJourney(owner, 'Live', graph);
  const published = await owner.post(`/journeys/${id}/publish`, { draftVersion, note: 'First try' });
  expect(published.body).toMatchObject({ state: 'published', hasDraft: false, draft: null, activeVersion: { no: 1, publishedBy: expect.any(String), note: 'First try' }, allowed: expect.arrayContaining(['create_draft', 'pause', 'archive', 'enroll']) });
  expect(published.body.temporalUrl).toContain(encodeURIComponent(id));
  expect((await owner.get(`/journeys/${id}/graph`)).body).toEqual({ no: 1, graph, names: { [list]: 'Newsletter', [connection]: 'Post' } });
  expect((await owner.get(`/journeys/${id}/draft`)).status).toBe(404);
  expect((await put(id, draftVersion, graph)).status).toBe(409);
  const kept = await inTenant(async ({ sql }) => ({
    mails: await sql.rows('select step_id as step, version_no as no, open from mail where ref_id = $1 order by no', [id]),
    links: (await sql.rows('select l.no from link l join mail m on m.no = l.mail_no where m.ref_id = $1', [id])).length,
    trigger: await sql.first('select version_no as no, kind, list_id::text as list from journey_trigger where journey_id = $1', [id]),
    audit: await sql.first(`select actor, subject from audit where action = 'journey.published' and detail->>'id' = $1`, [id]),
  }));
  expect(kept).toEqual({
    mails: [{ step: 'hello', no: 1, open: true }, { step: 'again', no: 1, open: true }], links: expect.any(Number), trigger: { no: 1, kind: 'list', list }, audit: { actor: expect.any(String), subject: 'Live' },
  });
  expect((kept as { links: number }).links).toBeGreaterThanOrEqual(2);
});

test('published twice at once has one effect', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Twice', graphOf(mail('hello')));
  const both = await Promise.all([1, 2].map(() => owner.post(`/journeys/${id}/publish`, { draftVersion })));
  expect(both.map((reply) => reply.status).sort()).toEqual([200, 409]);
  expect((await owner.get(`/journeys/${id}/versions`)).body.data).toHaveLength(1);
});

test('a draft that changed since it was looked at is not published', async () => {
  const { id, draftVersion } = await draftJourney(owner, 'Moved on', graphOf(mail('hello')));
  await put(id, draftVersion, graphOf(mail('other')));
  const refused = await owner.post(`/journeys/${id}/publish`, { draftVersion });
  expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('changed meanwhile')]);
});

test('a test mail of a step leaves as the draft has it, marked and untracked; what is missing is named', async () => {
  const sink = await startSmtpSink({ keepsMessages: true });
  try {
    const post = (await owner.post('/connections', { vendor: 'smtp', name: 'Sink', host: '127.0.0.1', port: sink.port, secure: 'none' })).body.id;
    const { id, draftVersion } = await draftJourney(owner, 'Tried', graphOf(send('hello', { connection: post, subject: 'For {{ journey.name }}' }), wait('1d')));
    const ask = (step: string) => owner.post(`/journeys/${id}/steps/${step}/test`, { emails: ['one@example.com', 'two@example.com'] });
    const sent = await ask('hello');
    expect([sent.status, sent.body.results.map((result: { email: string; ok: boolean }) => [result.email, result.ok])]).toEqual([200, [['one@example.com', true], ['two@example.com', true]]]);
    expect((await sink.rows()).map((row) => row.recipient)).toEqual(['one@example.com', 'two@example.com']);
    const message = (await sink.message(0)).toString('latin1');
    expect(message).toContain('Subject: [TEST] For Tried');
    expect(message).not.toContain('/api/track/open');
    expect((await ask('wait-1d')).status).toBe(404);
    await put(id, draftVersion, graphOf(send('hello', { connection: post, subject: '', html: '' })));
    const refused = await ask('hello');
    expect([refused.status, refused.body.errors.map((error: { field: string }) => error.field)]).toEqual([422, ['subject', 'html']]);
    expect(await inTenant(({ sql }) => sql.first('select count(*)::int as n from message'))).toEqual({ n: 0 });
  } finally {
    await sink.close();
  }
});

test('the secret of a webhook is sealed, never shown again, and kept until another is typed', async () => {
  const call = (secret: string): Graph => graphOf(mail('hello'), { ...webhook('https://hooks.example.com/in'), name: 'call', config: { url: 'https://hooks.example.com/in', secret } });
  const { id, draftVersion } = await draftJourney(owner, 'Secretive', call('whsec_first'));
  const stored = async () => (await inTenant<{ graph: Graph }>(({ sql }) => sql.first('select draft as graph from journey where id = $1', [id]))).graph.nodes.find((node) => node.id === 'call')!;
  const opened = async () => openStepSecret(api.container.secrets, api.orgId, id, await stored());
  const shown = (await owner.get(`/journeys/${id}/draft`)).body.graph as Graph;
  expect(JSON.stringify(shown)).not.toContain('whsec');
  expect(shown.nodes.find((node) => node.id === 'call')!.config['secret']).toBe(KEPT_SECRET);
  expect([JSON.stringify(await stored()).includes('whsec'), await opened()]).toEqual([false, 'whsec_first']);
  const kept = await put(id, draftVersion, shown);
  expect([kept.status, await opened()]).toEqual([200, 'whsec_first']);
  await put(id, kept.body.version, call('whsec_second'));
  expect(await opened()).toBe('whsec_second');
  const copy = (await owner.post(`/journeys/${id}/duplicate`, {})).body;
  const copied = (await inTenant<{ graph: Graph }>(({ sql }) => sql.first('select draft as graph from journey where id = $1', [copy.id]))).graph.nodes.find((node) => node.id === 'call')!;
  expect([copy.name, openStepSecret(api.container.secrets, api.orgId, copy.id, copied)]).toEqual(['Copy of Secretive', 'whsec_second']);
  expect(() => openStepSecret(api.container.secrets, api.orgId, id, copied)).toThrow();
});

test('values of a webhook’s headers are sealed too: kept while their name stays, asked for when it changes, and judged as they were typed', async () => {
  const call = (headers: readonly { key: string; value: string }[]): Graph => graphOf({ ...webhook('https://hooks.example.com/in'), name: 'call', config: { url: 'https://hooks.example.com/in', secret: 'whsec_first', headers } });
  const { id, draftVersion } = await draftJourney(owner, 'Bearer', call([{ key: 'Authorization', value: 'Bearer abc' }, { key: 'X-Team', value: 'growth' }]));
  const stored = async () => (await inTenant<{ graph: Graph }>(({ sql }) => sql.first('select draft as graph from journey where id = $1', [id]))).graph.nodes.find((node) => node.id === 'call')!;
  const valueOf = async (key: string) => openStepSecret(api.container.secrets, api.orgId, id, await stored(), `headers.${key}`);
  const read = async () => (await owner.get(`/journeys/${id}/draft`)).body;
  expect(JSON.stringify(await stored())).not.toMatch(/abc|growth/);
  const shown = await read();
  expect(shown.graph.nodes.find((node: { id: string }) => node.id === 'call').config.headers).toEqual([{ key: 'Authorization', value: KEPT_SECRET }, { key: 'X-Team', value: KEPT_SECRET }]);
  expect(shown.problems).toEqual([]);

  const kept = await put(id, draftVersion, call([{ key: 'authorization', value: KEPT_SECRET }, { key: 'X-Squad', value: KEPT_SECRET }]));
  expect([await valueOf('authorization'), await valueOf('x-squad')]).toEqual(['Bearer abc', null]);
  expect(kept.body.problems).toMatchObject([{ node: 'call', field: 'headers[1].value', message: 'Value of X-Squad: type it.' }]);
  const broken = await put(id, kept.body.version, call([{ key: 'Authorization', value: 'Bearer abc\r\nEvil: 1' }]));
  expect(broken.body.problems).toMatchObject([{ node: 'call', field: 'headers[0].value', message: expect.stringContaining('one line') }]);
});
