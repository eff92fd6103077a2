import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allows, capabilities, type Capability, type Role } from '#domain/access.ts';
import { routes } from '../../api/routes.ts';
import { startTestApi, type Client, type TestApi, type TestUser } from '../support/api.ts';

let api: TestApi;
let users: Record<Role, TestUser>;

beforeAll(async () => {
  api = await startTestApi();
  users = { owner: await api.signIn('owner'), admin: await api.signIn('admin'), member: await api.signIn('member') };
});
afterAll(() => api.close());

/** The address with ids that exist nowhere (or in another organization, which must look the same). */
const address = (path: string) => path.replace(/:(\w+)/g, () => randomUUID());
const call = (client: Client, route: (typeof routes)[number], body?: unknown, query = '') =>
  client.request(route.method.toUpperCase(), address(route.path) + query, route.method === 'get' ? undefined : (body ?? {}));
const named = routes.map((route) => ({ name: `${route.method.toUpperCase()} ${route.path}`, route }));

describe('every route', () => {
  test.each(named)('$name declares a known capability', ({ route }) => {
    expect(['public', 'session', ...Object.keys(capabilities)]).toContain(route.capability);
    expect(route.summary).toMatch(/\.$/);
  });

  test.each(named.filter(({ route }) => route.capability !== 'public'))('$name is closed to strangers', async ({ route }) => {
    const reply = await call(api.anonymous, route);
    expect([reply.status, reply.body.code]).toEqual([401, 'unauthenticated']);
    expect(reply.headers.get('content-type')).toContain('application/problem+json');
  });

  test.each(named.filter(({ route }) => route.capability in capabilities))('$name is closed to roles without its capability', async ({ route }) => {
    for (const role of Object.keys(users) as Role[]) {
      if (allows(role, route.capability as Capability)) continue;
      expect((await call(users[role], route)).status, role).toBe(403);
    }
  });

  test.each(named.filter(({ route }) => route.capability !== 'public' && route.scope === undefined))('$name is closed to API keys', async ({ route }) => {
    const { key } = await api.services.apiKeys.create(api.orgId, { kind: 'user', id: 'x', name: 'x', email: null }, { name: 'all', scopes: ['lists:write'] });
    expect((await call(api.client({ authorization: `Bearer ${key}` }), route)).status).toBe(403);
  });

  test.each(named.filter(({ route }) => route.bodyMode !== 'stream' && route.method !== 'get'))('$name refuses fields it does not know', async ({ route }) => {
    const reply = await call(users.owner, route, { surprise: 1 });
    // An id that cannot be one (a number where a uuid stands) names nothing before the body is looked at.
    expect([422, 404]).toContain(reply.status);
    if (reply.status === 422) expect(reply.body.errors.map((error: { field: string }) => error.field)).toContain('surprise');
  });

  test.each(named.filter(({ route }) => route.reply !== 'stream'))('$name refuses query parameters it does not know', async ({ route }) => {
    const reply = await call(users.owner, route, undefined, '?surprise=1');
    expect([422, 404]).toContain(reply.status);
  });

  test.each(named.filter(({ route }) => route.path.includes(':') && route.capability !== 'public'))('$name answers 404 for an id that is not hers', async ({ route }) => {
    const reply = await call(users.owner, route);
    expect([404, 422]).toContain(reply.status);
  });
});
