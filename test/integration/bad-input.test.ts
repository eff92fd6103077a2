import { mkdtempSync, readdirSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** What a person or a program gets who sends something that cannot be taken: never a 500, always the field and the fix. */

const state = mkdtempSync(join(tmpdir(), 'fermata-bad-input-'));
let api: TestApi;
let owner: TestUser;
let sink: SmtpSink;
let worker: WorkerProcess;

beforeAll(async () => {
  [api, worker, sink] = await Promise.all([startTestApi({ FERMATA_STATE_DIR: state }), startWorker({ FERMATA_STATE_DIR: state, FERMATA_ALLOW_PRIVATE_SMTP: 'true' }), startSmtpSink()]);
  owner = await api.signIn('owner');
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await sink?.close();
  await api?.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const countOf = async (table: string) => (await sql<{ n: number }>(`select count(*)::int as n from ${table}`))[0]!.n;
const fieldsOf = (reply: Reply): string[] => reply.body.errors.map((error: { field: string }) => error.field);

/** A problem document as RFC 9457 has it, with a request to ask about and sentences to read. */
function expectProblem(reply: Reply, status: number, says: RegExp, ...fields: string[]): void {
  expect(reply.headers.get('content-type')).toContain('application/problem+json');
  expect(reply.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(reply.body).toEqual({
    type: expect.stringMatching(/^urn:fermata:problem:/), title: expect.stringMatching(/\w/), status, code: expect.stringMatching(/^[a-z_]+$/),
    detail: expect.stringMatching(says), instance: expect.stringMatching(/^\/api\/v1\//), errors: expect.any(Array),
  });
  expect(reply.status).toBe(status);
  expect(reply.body.detail).toMatch(/[.?!…]$/);
  expect(fieldsOf(reply)).toEqual(expect.arrayContaining(fields));
  for (const { message } of reply.body.errors) expect(message).toMatch(/\w.*[.?!…]$/s);
}

describe('requests', () => {
  test('a wrong password is refused without a word on which part was wrong', async () => {
    const reply = await api.anonymous.post('/auth/login', { email: owner.email, password: 'not the one' });
    expectProblem(reply, 401, /password/i);
    expect(reply.headers.getSetCookie()).toEqual([]);
  });

  test('nobody is told to log in', async () => expectProblem(await api.anonymous.get('/campaigns'), 401, /log in/i));

  test('an address that does not exist, and an id that cannot be one', async () => {
    expectProblem(await owner.get('/no-such-thing'), 404, /GET \/api\/v1\/no-such-thing/);
    for (const id of ['nonsense', '1', '%00', 'ffffffff-ffff-ffff-ffff-ffffffffffff']) expectProblem(await owner.get(`/campaigns/${id}`), 404, /\w/);
    for (const id of ['nonsense', '-1', '1.5', '99999999999999999999', '9007199254740993']) expectProblem(await owner.get(`/customers/${id}`), 404, /\w/);
  });

  test('a body that is no JSON, is too large, or is not said to be JSON', async () => {
    const before = await countOf('list');
    expectProblem(await owner.post('/lists', '{"name": "Half'), 400, /not valid JSON/);
    expectProblem(await owner.post('/lists', JSON.stringify({ name: 'x'.repeat(300_000) })), 413, /larger than/);
    expectProblem(await owner.post('/lists', 'name=Form', { 'content-type': 'application/x-www-form-urlencoded' }), 415, /application\/json/);
    for (const body of ['null', '[]', '"text"', '7']) expectProblem(await owner.post('/lists', body), 422, /\w/);
    expect(await countOf('list')).toBe(before);
  });

  test('a query parameter and a field nobody knows are named', async () => {
    expectProblem(await owner.get('/lists?colour=red'), 422, /colour/, 'colour');
    expectProblem(await owner.get('/lists?limit=many'), 422, /limit/, 'limit');
    expectProblem(await owner.get('/lists?cursor=nonsense'), 422, /cursor/i, 'cursor');
    expectProblem(await owner.post('/lists', { name: 'Extra', colour: 'red' }), 422, /colour/, 'colour');
  });

  test('JSON a hundred levels deep is refused by its field, ten thousand levels by their depth', async () => {
    const nested = (depth: number) => `{"name":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expectProblem(await owner.post('/lists', nested(100)), 422, /name/, 'name');
    expectProblem(await owner.post('/lists', nested(10_000)), 422, /nested deeper/);
    const rule = (depth: number) => `{"rule":${'{"op":"and","parts":['.repeat(depth)}{"field":"city","operator":"equals","value":"London"}${']}'.repeat(depth)}}`;
    expect((await owner.post('/segments/count', rule(20))).status).toBe(200);
    expectProblem(await owner.post('/segments/count', rule(120)), 422, /nested|deep/);
  });

  test('a stale version is a conflict that says to load again, and changes nothing', async () => {
    const campaign = (await owner.post('/campaigns', { name: 'Edited twice' })).body;
    const connection = (await owner.post('/connections', { vendor: 'smtp', name: 'Edited twice', host: '127.0.0.1', port: 25, secure: 'none' })).body;
    const list = (await owner.post('/lists', { name: 'Edited twice' })).body;
    const segment = (await owner.post('/segments', { name: 'Edited twice', rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'London' }] } })).body;
    const customer = (await owner.post('/customers', { email: 'twice@example.com' })).body;
    for (const [path, { id, version }, field] of [
      ['/campaigns', campaign, 'name'], ['/connections', connection, 'name'], ['/lists', list, 'name'], ['/segments', segment, 'name'], ['/customers', customer, 'city'],
    ] as const) {
      expect((await owner.patch(`${path}/${id}`, { version, [field]: 'First' })).status, path).toBe(200);
      expectProblem(await owner.patch(`${path}/${id}`, { version, [field]: 'Second' }), 409, /load|again|meanwhile/i);
      expect((await owner.get(`${path}/${id}`)).body[field], path).toBe('First');
    }
  });
});

describe('uploads', () => {
  const upload = (body: string | Buffer, query = 'start=true') =>
    fetch(`${api.baseUrl}/api/v1/imports?fileName=people.csv&${query}`, { method: 'POST', headers: { cookie: cookieOf, 'content-type': 'text/csv', 'x-requested-by': 'fermata' }, body: typeof body === 'string' ? body : new Uint8Array(body) })
      .then(async (answer): Promise<Reply> => ({ status: answer.status, headers: answer.headers, body: await answer.json() }));
  let cookieOf = '';
  beforeAll(async () => {
    const login = await api.anonymous.post('/auth/login', { email: owner.email, password: owner.password });
    cookieOf = login.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ');
  });
  const filesKept = () => {
    try {
      return readdirSync(join(state, 'imports', api.orgId));
    } catch {
      return [];
    }
  };
  const ended = async (id: string) => {
    await expect.poll(async () => (await owner.get(`/imports/${id}`)).body.state, { timeout: 60_000, interval: 250 }).toMatch(/completed|failed|cancelled/);
    return (await owner.get(`/imports/${id}`)).body;
  };

  test.for([
    ['without an email column', 'name,city\nAda,London\n', /email/],
    ['that is empty', '', /empty/],
    ['that is a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13, 0, 1, 2, 3, 0, 0, 7, 8]), /not a text file.*CSV/],
    ['that is a spreadsheet', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(200, 3)]), /CSV/],
    ['whose quotes never close', `email,name\n"${'x'.repeat(100)}`, /./],
  ] as const)('a file %s is refused or reported, and leaves nobody behind', async ([, content, says]) => {
    const before = [await countOf('import_job'), await countOf('customer'), filesKept().length];
    const reply = await upload(content as string | Buffer);
    if (reply.status === 201) {
      // Its header can be read: the bad rows are listed with their reason.
      expect(await ended(reply.body.id)).toMatchObject({ state: 'completed', created: 0, skipped: 1 });
      return;
    }
    expectProblem(reply, 422, says);
    expect(fieldsOf(reply)).toHaveLength(1);
    expect([await countOf('import_job'), await countOf('customer'), filesKept().length]).toEqual(before);
  });

  test('a list that does not exist is named and the file is not kept', async () => {
    const before = [await countOf('import_job'), filesKept().length];
    expectProblem(await upload('email\nada@example.com\n', 'start=true&listId=0197b7a0-0000-7000-8000-000000000000'), 422, /list/i, 'listId');
    expect([await countOf('import_job'), filesKept().length]).toEqual(before);
  });

  test('a cell of 1 MB, bad addresses and unbalanced quotes cost their rows and no other; each is in the file of rejected rows with its line and reason', async () => {
    const lines = ['email,name', 'good1@rows.example,Ada', `big@rows.example,${'x'.repeat(1_048_577)}`, 'not-an-address,Bob', 'two@@rows.example,Eve', ',Nobody', 'good2@rows.example,"Cat"', '"broken@rows.example,Dan', 'good3@rows.example,Fay'];
    const { body: started, status } = await upload(`${lines.join('\n')}\n`);
    expect(status).toBe(201);
    const job = await ended(started.id);
    expect(job.state).toBe('completed');
    expect(job.created + job.skipped).toBe(job.rowsTotal);
    const found = (await sql<{ email: string }>(`select email from customer where email like '%rows.example' order by email`)).map((row) => row.email);
    expect(found).toEqual(['good1@rows.example', 'good2@rows.example', 'good3@rows.example']);
    const rejected = await owner.get(`/imports/${started.id}/rejected`);
    expect(rejected.status).toBe(200);
    for (const line of [3, 4, 5, 6, 8]) expect(rejected.body).toMatch(new RegExp(`,${line},.*\\w`));
  });
});

describe('launching', () => {
  const html = '<p>Hello {{ first_name | default: "friend" }}</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>';

  let nth = 0;

  async function audience(size: number, name: string): Promise<string> {
    const list = (await owner.post('/lists', { name })).body;
    for (let i = 0; i < size; i += 1) expect((await owner.post('/customers', { email: `p${i}@${name}.example`, listIds: [list.id] })).status).toBe(201);
    return list.id;
  }
  async function draft(name: string, edit: object = {}) {
    const made = (await owner.post('/campaigns', { name })).body;
    const reply = await owner.patch(`/campaigns/${made.id}`, edit);
    expect(reply.status).toBe(200);
    return reply.body;
  }
  const over = (...ids: readonly string[]) => ({ mode: 'single', connections: ids.map((id) => ({ id, percent: 100 })) });
  const connect = async (name: string, port = sink.port) => (await owner.post('/connections', { vendor: 'smtp', name, host: '127.0.0.1', port, secure: 'none' })).body.id as string;
  async function ready(name: string, edit: object = {}) {
    return draft(name, { subject: 'Hello', html, fromName: 'Shop', fromEmail: 'news@shop.example', delivery: over(await connect(name)), targets: [{ kind: 'list', id: await audience(3, name), mode: 'include' }], ...edit });
  }
  const refused = async (campaign: { id: string }, ...expected: [field: string, says: RegExp][]) => {
    const before = (await owner.get(`/campaigns/${campaign.id}`)).body;
    const reply = await owner.post(`/campaigns/${campaign.id}/launch`);
    expectProblem(reply, 422, /cannot be launched/, ...expected.map(([field]) => field));
    for (const [field, says] of expected) expect(reply.body.errors).toContainEqual({ field, message: expect.stringMatching(says) });
    expect(reply.body.errors).toHaveLength(expected.length);
    expect((await owner.get(`/campaigns/${campaign.id}`)).body).toEqual(before);
    expect(before.state).toBe('draft');
    expect(await sql('select 1 from message m join campaign c on c.mail_no = m.mail_no where c.id = $1', [campaign.id])).toEqual([]);
  };

  test('an empty draft is refused with everything that is missing, together', async () => {
    await refused(await draft('Empty', { delivery: over(), fromName: '', fromEmail: '' }),
      ['subject', /Write a subject/], ['fromName', /who/], ['fromEmail', /address/], ['html', /content/], ['targets', /list or segment/], ['delivery.connections', /connection/]);
  });

  test.for([
    ['subject', { subject: '  ' }, 'subject', /Write a subject/],
    ['content', { html: '' }, 'html', /Write the content/],
    ['audience', { targets: [] }, 'targets', /Choose at least one/],
    ['connection', { delivery: { mode: 'single', connections: [] } }, 'delivery.connections', /Choose a connection/],
    ['unsubscribe link', { html: '<p>Hello</p>' }, 'html', /unsubscribe_url/],
    ['unsubscribe link in the text', { text: 'Hello' }, 'text', /unsubscribe_url/],
    ['valid from address', { fromEmail: 'news at shop' }, 'fromEmail', /news@example\.com/],
    ['field behind a merge tag', { subject: 'Hi {{ nickname }}' }, 'subject', /no field nickname.*default/],
    ['custom field behind a merge tag', { html: `${html}\n{{ custom.pet }}` }, 'html', /Line 2.*no field custom\.pet/],
    ['end of a merge tag', { html: `${html}{{ first_name` }, 'html', /Line 1/],
  ] as const)('a campaign without %s is refused', async ([, edit, field, says]) => {
    await refused(await ready(`lacking${nth += 1}`, edit), [field, says]);
  });

  test('a campaign to an empty list is refused, and a list or segment that does not exist is not even kept', async () => {
    const empty = (await owner.post('/lists', { name: 'Empty' })).body;
    const campaign = await ready('nobody', { targets: [{ kind: 'list', id: empty.id, mode: 'include' }] });
    await refused(campaign, ['targets', /Nobody is left/]);
    const id = '0197b7a0-0000-7000-8000-000000000000';
    const reply = await owner.patch(`/campaigns/${campaign.id}`, { targets: [{ kind: 'list', id: empty.id, mode: 'include' }, { kind: 'list', id, mode: 'include' }, { kind: 'segment', id, mode: 'exclude' }] });
    expectProblem(reply, 422, /list does not exist/, 'targets[1].id', 'targets[2].id');
    expect((await owner.get(`/campaigns/${campaign.id}`)).body).toEqual(campaign);
  });

  test('a connection that is disabled or broken is named with what to do', async () => {
    const campaign = await ready('broken');
    const connection = `/connections/${campaign.delivery.connections[0].id}`;
    await owner.patch(connection, { enabled: false });
    await refused(campaign, ['delivery.connections[0]', /disabled.*Enable/]);
    await owner.patch(connection, { enabled: true, port: await closedPort() });
    await owner.post(`${connection}/test`, { recipient: 'ada@example.com' });
    await refused(campaign, ['delivery.connections[0]', /broken.*Connection refused.*Test it/]);
  });

  test('launched five times at once and once more, everybody gets one mail', async () => {
    const campaign = await ready('once');
    const replies = await Promise.all(Array.from({ length: 5 }, () => owner.post(`/campaigns/${campaign.id}/launch`)));
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200]);
    await expect.poll(async () => (await owner.get(`/campaigns/${campaign.id}`)).body.state, { timeout: 60_000, interval: 250 }).toBe('completed');
    const again = await owner.post(`/campaigns/${campaign.id}/launch`);
    expect([again.status, again.body.state]).toEqual([200, 'completed']);
    const arrived = (await sink.rows()).map((row) => row.recipient).filter((recipient) => recipient.endsWith('@once.example'));
    expect(arrived.sort()).toEqual(['p0@once.example', 'p1@once.example', 'p2@once.example']);
    expectProblem(await owner.post(`/campaigns/${campaign.id}/pause`), 409, /completed cannot be paused/);
    expectProblem(await owner.patch(`/campaigns/${campaign.id}`, { subject: 'Late' }), 409, /cannot be edited/);
    expectProblem(await owner.delete(`/campaigns/${campaign.id}`), 409, /Only drafts/);
  });

  test('a test mail with the same Idempotency-Key leaves once, and the key does not serve another body', async () => {
    const campaign = await ready('keyed');
    const send = (emails: string[], key = 'one-key') => owner.post(`/campaigns/${campaign.id}/test`, { emails }, { 'idempotency-key': key });
    const first = await send(['keyed@test.example']);
    const second = await send(['keyed@test.example']);
    expect(first.status).toBe(200);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expectProblem(await send(['other@test.example']), 422, /new key/, 'Idempotency-Key');
    expectProblem(await send(['keyed@test.example'], 'spaces are none'), 400, /Idempotency-Key/);
    expectProblem(await send(['nobody']), 422, /emails\[0\]/, 'emails[0]');
    expect((await sink.rows()).map((row) => row.recipient).filter((recipient) => recipient.endsWith('@test.example'))).toEqual(['keyed@test.example']);
  });

  describe('over SMTP servers that do not serve', () => {
    const servers: Server[] = [];
    const sockets = new Set<Socket>();
    async function listen(onSocket: (socket: Socket) => void): Promise<number> {
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        onSocket(socket);
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as AddressInfo).port;
    }
    afterAll(() => {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    });

    test.for([
      ['refuses', () => closedPort(), 'connect', /Connection refused: wrong host or port/],
      ['says nothing', () => listen(() => undefined), 'connect', /timeout.*firewall/],
      ['greets and then says nothing', () => listen((socket) => socket.write('220 here\r\n')), 'connect', /timeout|did not answer/],
      ['takes everything but never confirms the mail', () => listen(silentAtTheEnd), 'message', /did not answer|without an answer/],
      ['hangs up', () => listen((socket) => socket.end()), 'connect', /closed the connection.*check/],
      ['is no SMTP server', () => listen((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')), 'connect', /not an SMTP server/],
      ['has a name nobody knows', () => Promise.resolve(25), 'connect', /host was not found/],
    ] as const)('testing a connection whose server %s tells the stage and the cause within 45 s', { timeout: 90_000, concurrent: true }, async ([what, port, stage, says]) => {
      const id = await connect(`Server that ${what}`, await port());
      if (what === 'has a name nobody knows') await owner.patch(`/connections/${id}`, { host: 'nobody.invalid' });
      const startedAt = performance.now();
      const reply = await owner.post(`/connections/${id}/test`, { recipient: 'ada@example.com' });
      expect(performance.now() - startedAt).toBeLessThan(45_000);
      expect(reply.status).toBe(200);
      expect(reply.body).toMatchObject({ ok: false, stage, message: expect.stringMatching(says) });
      expect(reply.body.message).toMatch(/\.$/);
      expect((await owner.get(`/connections/${id}`)).body).toMatchObject({ health: 'broken', healthReason: reply.body.message });
    });
  });

  test('a connection without a host, with a port that is none, or of a taken name is refused by its field', async () => {
    await connect('Taken');
    const before = await countOf('connection');
    expectProblem(await owner.post('/connections', { vendor: 'smtp', name: 'No host' }), 422, /\w/, 'host');
    expectProblem(await owner.post('/connections', { vendor: 'smtp', name: 'No port', host: 'x.example', port: 70_000 }), 422, /port/, 'port');
    expectProblem(await owner.post('/connections', { vendor: 'smtp', name: 'Taken', host: 'x.example' }), 409, /of this name already/, 'name');
    expectProblem(await owner.post('/connections', { vendor: 'pigeon', name: 'Pigeon' }), 422, /vendor/, 'vendor');
    expect(await countOf('connection')).toBe(before);
  });
});

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Answers every command and takes the message, but never says that it has it. */
function silentAtTheEnd(socket: Socket): void {
  socket.write('220 here\r\n');
  socket.on('data', (data) => {
    const line = data.toString('latin1');
    if (/^(EHLO|HELO|MAIL|RCPT)/i.test(line)) socket.write('250 fine\r\n');
    else if (/^DATA/i.test(line)) socket.write('354 go on\r\n');
  });
}
