import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { createServices } from '../../api/services.ts';
import type { Container } from '../../infra/container.ts';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';
import { createTestContainer } from '../support/organization.ts';

/** Segments as things: made, copied, used by others, explained, deleted; and what remains of them without the index. */

let api: TestApi;
let member: TestUser;
let stopIndexing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  stopIndexing = followOutbox(api);
  await member.post('/fields', { key: 'plan', type: 'text' });
  for (const [email, city, plan] of [['ada@example.com', 'London', 'gold'], ['bob@example.com', 'London', 'free'], ['cat@example.com', 'Rome', 'gold']] as const) {
    await member.post('/customers', { email, city, custom: { plan } });
  }
}, 60_000);
afterAll(async () => {
  await stopIndexing();
  await api.close();
});

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const and = (...parts: unknown[]) => ({ op: 'and', parts });
const londoners = and({ field: 'city', operator: 'equals', value: 'London' });
const inside = (...ids: string[]) => and(...ids.map((segment) => ({ segment, in: true })));
const make = async (name: string, rule: unknown = londoners) => {
  const reply = await member.post('/segments', { name, rule });
  expect([reply.status, reply.body.errors ?? []]).toEqual([201, []]);
  return reply.body as { id: string; version: number; name: string };
};
beforeEach(async () => { await sql('delete from segment'); });

describe('the list', () => {
  test('by name, by change, searched in name and description, counted and paged', async () => {
    for (const name of ['Cherry', 'apple', 'Banana']) await make(name);
    await member.patch(`/segments/${(await member.get('/segments?search=banana')).body.data[0].id}`, { version: 1, description: 'Yellow' });
    const names = async (query: string) => (await member.get(`/segments?${query}`)).body.data.map((row: { name: string }) => row.name);
    expect(await names('')).toEqual(['apple', 'Banana', 'Cherry']);
    expect(await names('sort=changed&limit=1')).toEqual(['Banana']);
    expect(await names('search=YELL')).toEqual(['Banana']);
    for (const sort of ['name', 'changed']) {
      const seen: string[] = [];
      for (let cursor = ''; ;) {
        const page = (await member.get(`/segments?sort=${sort}&limit=2&count=true${cursor}`)).body;
        expect(page.count).toBe(3);
        seen.push(...page.data.map((row: { name: string }) => row.name));
        if (page.nextCursor === null) break;
        cursor = `&cursor=${page.nextCursor}`;
      }
      expect([...seen].sort()).toEqual(['Banana', 'Cherry', 'apple']);
    }
    expect((await member.get('/segments')).body.data[0]).toMatchObject({ sentence: 'City is “London”', usedBy: [] });
    expect((await member.get('/segments?cursor=rubbish')).status).toBe(422);
  });
});

describe('saving', () => {
  test('a stale version is refused, and so is a name that is taken, at its field', async () => {
    const first = await make('First');
    await make('Second');
    expect((await member.patch(`/segments/${first.id}`, { version: 1, name: 'Renamed' })).body).toMatchObject({ name: 'Renamed', version: 2, rule: londoners });
    expect((await member.patch(`/segments/${first.id}`, { version: 1, name: 'Late' })).status).toBe(409);
    const taken = await member.patch(`/segments/${first.id}`, { version: 2, name: 'second' });
    expect([taken.status, taken.body.errors[0].field]).toEqual([409, 'name']);
    expect((await member.patch(`/segments/${randomUUID()}`, { version: 1, name: 'x' })).status).toBe(404);
  });

  test('two who save at once: one is told', async () => {
    const { id } = await make('Shared');
    const replies = await Promise.all(['One', 'Two', 'Three', 'Four'].map((name) => member.patch(`/segments/${id}`, { version: 1, name })));
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 409, 409, 409]);
  });

  test('a copy has the rule and a name of its own', async () => {
    const { id } = await make('Londoners');
    const copies = [await member.post(`/segments/${id}/duplicate`), await member.post(`/segments/${id}/duplicate`)];
    expect(copies.map((copy) => [copy.status, copy.body.name, copy.body.rule, copy.body.version])).toEqual([[201, 'Copy of Londoners', londoners, 1], [201, 'Copy of Londoners 2', londoners, 1]]);
    const long = await make('x'.repeat(200));
    expect((await member.post(`/segments/${long.id}/duplicate`)).body.name).toHaveLength(200);
    expect((await member.post(`/segments/${long.id}/duplicate`)).body.name).toMatch(/x 2$/);
    expect((await member.post(`/segments/${randomUUID()}/duplicate`)).status).toBe(404);
  });
});

describe('segments in segments', () => {
  test('are counted, said in words and followed when they change', async () => {
    const [inner, gold] = [await make('Londoners'), await make('Gold', and({ field: 'custom.plan', operator: 'equals', value: 'gold' }))];
    const both = await make('Golden Londoners', inside(inner.id, gold.id));
    expect((await member.get(`/segments/${both.id}`)).body.sentence).toBe('Is in the segment “Londoners” and is in the segment “Gold”');
    expect((await member.get(`/segments/${both.id}/count`)).body.total).toBe(1);
    await member.patch(`/segments/${inner.id}`, { version: 1, rule: and() });
    expect((await member.get(`/segments/${both.id}/count`)).body.total).toBe(2);
  });

  test('a circle is refused with its way round, however many segments it takes', async () => {
    const third = await make('Third');
    const second = await make('Second', inside(third.id));
    const first = await make('First', inside(second.id));
    const refused = await member.patch(`/segments/${third.id}`, { version: 1, rule: inside(first.id) });
    expect([refused.status, refused.body.errors]).toEqual([422, [{ field: 'rule', message: 'Segments would go round in a circle: “this segment” asks for “First” asks for “Second” asks for “this segment”.' }]]);
    const itself = await member.patch(`/segments/${third.id}`, { version: 1, rule: inside(third.id) });
    expect(itself.body.errors[0].message).toContain('“this segment” asks for “this segment”');
    expect((await member.get(`/segments/${first.id}/count`)).status).toBe(200);
  });

  test('two saves that close one half of a circle each: one of them is refused', async () => {
    for (let round = 0; round < 5; round++) {
      const [one, other] = [await make(`One ${round}`), await make(`Other ${round}`)];
      const replies = await Promise.all([member.patch(`/segments/${one.id}`, { version: 1, rule: inside(other.id) }), member.patch(`/segments/${other.id}`, { version: 1, rule: inside(one.id) })]);
      expect(replies.map((reply) => reply.status).sort()).toEqual([200, 422]);
    }
  });

  test('a segment that is deleted while another begins to ask for it: one of both happens', async () => {
    for (let round = 0; round < 5; round++) {
      const inner = await make(`Inner ${round}`);
      const [made, deleted] = await Promise.all([member.post('/segments', { name: `Outer ${round}`, rule: inside(inner.id) }), member.delete(`/segments/${inner.id}`)]);
      expect([[201, 409], [422, 204]]).toContainEqual([made.status, deleted.status]);
    }
  });
});

describe('saved while what it names is being deleted', () => {
  const waiting = () => expect.poll(() => sql(`select 1 as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).toHaveLength(1);
  /** Somebody else's transaction: what it holds is waited for until it ends. */
  async function meanwhile(statements: readonly (readonly [text: string, values: readonly unknown[]])[], ask: () => Promise<Reply>): Promise<Reply> {
    const { pool } = await api.container.tenants.use(api.orgId, (tenant) => Promise.resolve(tenant));
    const other = await pool.connect();
    try {
      await other.query('begin');
      for (const [text, values] of statements) await other.query(text, [...values]);
      const reply = ask();
      await waiting();
      await other.query('commit');
      return await reply;
    } finally {
      other.release();
    }
  }
  let list: string;
  let campaign: string;
  beforeEach(async () => {
    list = (await member.post('/lists', { name: randomUUID() })).body.id;
    campaign = (await member.post('/campaigns', { name: 'Racing' })).body.id;
  });

  test('a segment and a campaign wait, and are refused at what is gone', async () => {
    const deletion = [['select 1 from list where id = $1 for update', [list]], ['update list_record set removing = true where id = $1', [list]]] as const;
    const segment = await meanwhile(deletion, () => member.post('/segments', { name: 'Late', rule: and({ list, in: true }) }));
    expect([segment.status, segment.body.errors]).toEqual([422, [{ field: 'rule.parts[0].list', message: expect.stringMatching(/does not exist any more/) }]]);

    await member.post('/fields', { key: 'fleeting', type: 'text' });
    const removal = [[`select 1 from custom_field where key = 'fleeting' for update`, []], [`update custom_field set removing = true where key = 'fleeting'`, []]] as const;
    const kept = await make('Kept');
    const field = await meanwhile(removal, () => member.patch(`/segments/${kept.id}`, { version: 1, rule: and({ field: 'fleeting', operator: 'is_set' }) }));
    expect([field.status, field.body.errors?.[0].field]).toEqual([422, 'rule.parts[0].field']);

    const target = await make('Target');
    const deleted = await meanwhile([['delete from segment where id = $1', [target.id]]], () => member.patch(`/campaigns/${campaign}`, { targets: [{ kind: 'segment', id: target.id, mode: 'include' }] }));
    expect([deleted.status, deleted.body.errors]).toEqual([422, [{ field: 'targets[0].id', message: 'This segment does not exist. Choose another.' }]]);
  });

  test('who deletes waits for the save, and then sees the use', async () => {
    const hold = (table: string, key: string, value: unknown) => [`select 1 from ${table} where ${key} = $1 for key share`, [value]] as const;
    const insert = (rule: unknown) => ['insert into segment (id, name, rule) values ($1, $2, $3)', [randomUUID(), randomUUID(), JSON.stringify(rule)]] as const;
    await member.post('/fields', { key: 'wanted', type: 'text' });
    const target = await make('Target');
    const targets = JSON.stringify([{ kind: 'segment', id: target.id, mode: 'include' }]);
    const replies = [
      await meanwhile([hold('list', 'id', list), insert(and({ list, in: true }))], () => member.delete(`/lists/${list}`)),
      await meanwhile([hold('custom_field', 'key', 'wanted'), insert(and({ field: 'wanted', operator: 'is_set' }))], () => member.delete('/fields/wanted')),
      await meanwhile([hold('segment', 'id', target.id), ['update campaign set targets = $2 where id = $1', [campaign, targets]]], () => member.delete(`/segments/${target.id}`)),
    ];
    expect(replies.map((reply) => [reply.status, reply.body.detail])).toEqual(Array.from({ length: 3 }, () => [409, expect.stringMatching(/^This (list|field|segment) is in use/)]));
  });
});

describe('what is in use', () => {
  test('is named in the list and is not deleted: campaigns, segments, exports and bulk actions under way', async () => {
    const { id } = await make('Wanted');
    await make('Outer', inside(id));
    const campaign = (await member.post('/campaigns', { name: 'Autumn' })).body;
    await member.patch(`/campaigns/${campaign.id}`, { targets: [{ kind: 'segment', id, mode: 'exclude' }] });
    await sql(`insert into export_job (id, kind, title, options, created_by) values ($1, 'customers', 'Wanted people', $2, 'Ada')`, [randomUUID(), JSON.stringify({ filter: { segmentId: id } })]);
    await sql(`insert into bulk_job (id, action, options, created_by) values ($1, 'add_to_list', $2, 'Ada')`, [randomUUID(), JSON.stringify({ filter: { segmentId: id } })]);
    const uses = (await member.get(`/segments/${id}`)).body.usedBy;
    expect(uses.map((use: { kind: string; name: string }) => [use.kind, use.name])).toEqual([['bulk', 'add_to_list'], ['campaign', 'Autumn'], ['export', 'Wanted people'], ['segment', 'Outer']]);
    expect((await member.get('/segments?search=wanted')).body.data[0].usedBy).toEqual(uses);
    const refused = await member.delete(`/segments/${id}`);
    expect([refused.status, refused.body.detail]).toEqual([409, 'This segment is in use and cannot be deleted. Used by: bulk action “add_to_list”, campaign “Autumn”, export “Wanted people”, segment “Outer”.']);

    await sql(`update export_job set state = 'completed'`);
    await sql(`update bulk_job set state = 'failed'`);
    await member.patch(`/campaigns/${campaign.id}`, { targets: [] });
    const outer = (await member.get('/segments?search=outer')).body.data[0];
    expect((await member.delete(`/segments/${outer.id}`)).status).toBe(204);
    expect((await member.delete(`/segments/${id}`)).status).toBe(204);
    expect((await member.delete(`/segments/${id}`)).status).toBe(404);
  });
});

describe('members', () => {
  test('are the customers who match now, page by page, as the customer list shows them', async () => {
    const { id } = await make('Londoners');
    const first = (await member.get(`/segments/${id}/members?limit=1&count=true`)).body;
    expect([first.count, first.data.map((row: { email: string }) => row.email)]).toEqual([2, ['bob@example.com']]);
    const second = (await member.get(`/segments/${id}/members?limit=1&cursor=${first.nextCursor}`)).body;
    expect([second.nextCursor, second.data]).toEqual([null, (await member.get('/customers?search=ada@example')).body.data]);
    expect((await member.get(`/segments/${id}/members?sort=email`)).body.data[0].email).toBe('ada@example.com');
    expect((await member.get(`/segments/${randomUUID()}/members`)).status).toBe(404);
  });
});

describe('explain', () => {
  test('says of each condition whether it holds and what she has there, by address or id, for a rule or a segment', async () => {
    const rule = and({ field: 'city', operator: 'equals', value: 'London' }, { op: 'not', parts: [{ field: 'custom.plan', operator: 'equals', value: 'gold' }] }, { event: 'opened', operator: 'has_not_done' });
    const { id: segmentId } = await make('Plain Londoners', rule);
    const ada = (await member.get('/customers?search=ada@example')).body.data[0];
    const answer = (await member.post('/segments/explain', { rule, email: ' ADA@example.com ' })).body;
    expect(answer).toMatchObject({ matches: false, customer: { id: ada.id, email: 'ada@example.com', mailable: true }, tree: { path: 'rule', holds: false } });
    expect(answer.tree.parts).toMatchObject([
      { path: 'rule.parts[0]', holds: true, says: 'City is “London”', value: '“London”', parts: [] },
      { path: 'rule.parts[1]', holds: false, value: null, parts: [{ path: 'rule.parts[1].parts[0]', holds: true, says: 'Plan is “gold”', value: '“gold”' }] },
      { path: 'rule.parts[2]', holds: true, value: 'never' },
    ]);
    expect((await member.post('/segments/explain', { segmentId, customerId: ada.id })).body).toEqual(answer);
    expect((await member.post('/segments/explain', { segmentId, email: 'bob@example.com' })).body.matches).toBe(true);
  });

  test.each([
    ['an address nobody has', { rule: londoners, email: 'nobody@example.com' }, 'email'],
    ['an address that is none', { rule: londoners, email: 'nobody' }, 'email'],
    ['a customer who is not there', { rule: londoners, customerId: 999_999 }, 'customerId'],
    ['a segment that is not there', { segmentId: '0197b7a0-0000-7000-8000-000000000000', email: 'ada@example.com' }, 'segmentId'],
    ['neither rule nor segment', { email: 'ada@example.com' }, 'rule'],
    ['both rule and segment', { rule: londoners, segmentId: '0197b7a0-0000-7000-8000-000000000000', email: 'ada@example.com' }, 'rule'],
    ['nobody named', { rule: londoners }, 'email'],
  ])('%s is refused at its field', async (_, body, field) => {
    const reply = await member.post('/segments/explain', body);
    expect([reply.status, reply.body.errors?.[0].field]).toEqual([422, field]);
  });

  test('a segment whose list was deleted is still explained and said in words', async () => {
    const list = (await member.post('/lists', { name: 'Short-lived' })).body;
    const { id } = await make('Listed', and({ list: list.id, in: false }));
    await sql('delete from list where id = $1', [list.id]);
    expect((await member.get(`/segments/${id}`)).body.sentence).toBe('Is not in the list “deleted list”');
    expect((await member.post('/segments/explain', { segmentId: id, email: 'ada@example.com' })).body.matches).toBe(true);
    const counted = await member.get(`/segments/${id}/count`);
    expect([counted.status, counted.body.errors[0].field]).toEqual([422, 'rule.parts[0].list']);
  });
});

describe('while the index cannot be reached', () => {
  let server: Server;
  let container: Container;
  let cookie: string;
  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1${path}`, {
      method, headers: { cookie, 'x-requested-by': 'fermata', 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    return { status: reply.status, body: (text === '' ? {} : JSON.parse(text)) as { id: string; detail: string; matches: boolean; data: unknown[]; name: string } };
  };

  beforeAll(async () => {
    // The same installation and organization, with an address where nothing listens.
    container = await createTestContainer({ ELASTICSEARCH_URL: 'http://127.0.0.1:1' });
    server = createServer(createApp(container, createServices(container)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const login = await fetch(`${api.baseUrl}/api/v1/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-requested-by': 'fermata' }, body: JSON.stringify({ email: member.email, password: member.password }) });
    cookie = login.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ');
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await container.close();
  });

  test('counts, samples and members answer 503 in plain words; everything else of segments works', async () => {
    const made = await ask('POST', '/segments', { name: 'Made without', rule: londoners });
    expect(made.status).toBe(201);
    const { id } = made.body;
    for (const [method, path, body] of [['POST', '/segments/count', { rule: londoners }], ['POST', '/segments/sample', { rule: londoners }], ['GET', `/segments/${id}/count`], ['GET', `/segments/${id}/members`]] as const) {
      const reply = await ask(method, path, body);
      expect([reply.status, reply.body.detail], path).toEqual([503, 'The search index cannot be reached at the moment. Try again in a minute.']);
    }
    expect((await ask('PATCH', `/segments/${id}`, { version: 1, name: 'Renamed without' })).body.name).toBe('Renamed without');
    expect((await ask('GET', '/segments?search=without')).body.data).toHaveLength(1);
    expect((await ask('POST', '/segments/explain', { segmentId: id, email: 'ada@example.com' })).body.matches).toBe(true);
    expect((await ask('POST', `/segments/${id}/duplicate`)).status).toBe(201);
    expect((await ask('POST', '/segments', { name: 'Wrong', rule: and({ field: 'citty', operator: 'is_set' }) })).status).toBe(422);
    expect((await ask('DELETE', `/segments/${id}`)).status).toBe(204);
  }, 60_000);
});
