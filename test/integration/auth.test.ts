import { randomUUID } from 'node:crypto';
import { hash as bcrypt } from '@node-rs/bcrypt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { startCatcher, type Catcher } from '../../infra/mail/catcher.ts';

let api: TestApi;
let catcher: Catcher;
let owner: TestUser;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_CATCHER_SMTP_PORT: '20925' });
  catcher = await startCatcher(api.container);
  owner = await api.signIn('owner');
});
afterAll(async () => {
  await catcher.close();
  await api.close();
});

const token = async (kind: string, to: string) => {
  const find = () => api.container.control.first<{ source: Buffer }>('select source from system_mail where recipient = $1 order by id desc limit 1', [to]);
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  const text = (await find())!.source.toString().replace(/=\r\n/g, '').replaceAll('=3D', '=');
  return new RegExp(`/${kind}\\?token=([\\w-]+)`).exec(text)![1]!;
};

test('a wrong password and an unknown address are refused alike', async () => {
  const user = await api.signIn('member');
  const wrong = await api.anonymous.post('/auth/login', { email: user.email, password: 'not this one' });
  const unknown = await api.anonymous.post('/auth/login', { email: 'nobody@example.com', password: 'not this one' });
  expect([wrong.status, unknown.status]).toEqual([401, 401]);
  expect(wrong.body.detail).toBe(unknown.body.detail);
});

test('attempts on an account are counted over all processes, and nobody can read whose they were', async () => {
  const { email, password } = await api.signIn('member');
  const other = await startTestApi();
  try {
    const attempt = (at: TestApi, given: string) => at.anonymous.post('/auth/login', { email, password: given });
    for (let i = 0; i < 9; i++) expect((await attempt(i % 2 === 0 ? api : other, 'not this one')).status).toBe(401);
    const last = await attempt(api, password);
    expect([last.status, last.headers.get('ratelimit-remaining')]).toEqual([429, '0']);
    const elsewhere = await attempt(other, password);
    expect([elsewhere.status, elsewhere.body.code, Number(elsewhere.headers.get('retry-after')) > 0]).toEqual([429, 'rate_limited', true]);
    expect((await other.anonymous.post('/auth/login', { email: 'nobody@example.com', password })).status).toBe(401);
    expect(await api.container.control.rows('select key from rate_limit where key like $1', [`%${email}%`])).toEqual([]);
  } finally {
    await other.close();
  }
});

test.each(['2a', '2b', '2y'])('a bcrypt hash of kind %s verifies, and the first login replaces it', async (kind) => {
  const user = await api.signIn('member');
  const stored = async () => (await api.container.control.first<{ hash: string }>('select password as hash from account where "userId" = $1', [user.id]))!.hash;
  await api.container.control.run('update account set password = $2 where "userId" = $1', [user.id, (await bcrypt(user.password, 4)).replace(/^\$2.\$/, `$${kind}$`)]);
  const login = (password: string) => api.anonymous.post('/auth/login', { email: user.email, password });
  expect((await login('not this one')).status).toBe(401);
  expect(await stored()).toMatch(/^\$2/);
  expect((await login(user.password)).status).toBe(200);
  expect(await stored()).toMatch(/^\$argon2id\$/);
  expect((await login(user.password)).status).toBe(200);
  expect((await login('not this one')).status).toBe(401);
});

test('the session cookie is closed to scripts and dies at the server with the logout', async () => {
  const user = await api.signIn('member');
  const login = await api.anonymous.post('/auth/login', { email: user.email, password: user.password });
  const cookie = login.headers.getSetCookie()[0]!;
  expect(cookie).toMatch(/HttpOnly/i);
  expect(cookie).toMatch(/SameSite=Lax/i);
  const client = api.client({ cookie: cookie.split(';')[0]! });
  expect((await client.get('/me')).status).toBe(200);
  expect((await client.post('/auth/logout')).status).toBe(204);
  expect((await client.get('/me')).status).toBe(401);
});

test('a change with a cookie needs the header and its own origin', async () => {
  const user = await api.signIn('member');
  expect((await user.request('PATCH', '/me', { name: 'Eve' }, { 'x-requested-by': 'other' })).status).toBe(403);
  expect((await user.request('PATCH', '/me', { name: 'Eve' }, { origin: 'https://evil.example' })).status).toBe(403);
  expect((await user.request('PATCH', '/me', { name: 'Eve' })).body.user.name).toBe('Eve');
});

test('a forgotten password is chosen anew with the mailed link, once, and ends all sessions', async () => {
  const user = await api.signIn('member');
  expect((await api.anonymous.post('/auth/forgot-password', { email: user.email })).status).toBe(202);
  const mailed = await token('reset-password', user.email);
  expect((await api.anonymous.post('/auth/reset-password', { token: mailed, password: 'password' })).status).toBe(422);
  expect((await api.anonymous.post('/auth/reset-password', { token: mailed, password: 'a new and long one' })).status).toBe(204);
  expect((await api.anonymous.post('/auth/reset-password', { token: mailed, password: 'a third and long one' })).status).toBe(422);
  expect((await user.get('/me')).status).toBe(401);
  expect((await api.anonymous.post('/auth/login', { email: user.email, password: 'a new and long one' })).status).toBe(200);
});

test('a bearer token dies with the password and with the membership', async () => {
  const user = await api.signIn('admin');
  const bearer = async (password: string) => api.client({ authorization: `Bearer ${(await api.anonymous.post('/auth/token', { email: user.email, password })).body.token}` });
  const first = await bearer(user.password);
  expect((await first.get('/organization')).body.id).toBe(api.orgId);
  expect((await user.post('/me/password', { currentPassword: user.password, newPassword: 'another long one' })).status).toBe(204);
  expect((await first.get('/organization')).status).toBe(401);
  const second = await bearer('another long one');
  expect((await owner.delete(`/users/${user.id}`)).status).toBe(204);
  expect((await second.get('/organization')).status).toBe(401);
});

test('an invitation is mailed, accepted once and logs in', async () => {
  const admin = await api.signIn('admin');
  const email = `new-${randomUUID().slice(0, 8)}@example.com`;
  expect((await admin.post('/invitations', { email, role: 'owner' })).status).toBe(422);
  expect((await admin.post('/invitations', { email, role: 'member' })).status).toBe(201);
  const mailed = await token('invitation', email);
  expect((await api.anonymous.post('/invitations/accept', { token: mailed, name: 'New', password: 'long enough for all' })).status).toBe(204);
  expect((await api.anonymous.post('/invitations/accept', { token: mailed, name: 'New', password: 'long enough for all' })).status).toBe(422);
  expect((await api.anonymous.post('/auth/login', { email, password: 'long enough for all' })).body.organizations[0].role).toBe('member');
});

test('an API key is shown once, works within its scopes and dies when revoked', async () => {
  const admin = await api.signIn('admin');
  const made = await admin.post('/api-keys', { name: 'sync', scopes: ['lists:read'] });
  expect(made.body.key).toMatch(/^fk_\w{8}_[\w-]{43}$/);
  expect(JSON.stringify((await admin.get('/api-keys')).body)).not.toContain(made.body.key);
  const client = api.client({ authorization: `Bearer ${made.body.key}` });
  expect((await client.get('/me')).status).toBe(403);
  expect((await admin.delete(`/api-keys/${made.body.id}`)).status).toBe(204);
  expect((await client.get('/me')).status).toBe(401);
});

test('bad input is named, never a 500', async () => {
  const post = (body: string, type = 'application/json') => api.anonymous.request('POST', '/auth/login', body, { 'content-type': type });
  expect((await post('{"email":')).status).toBe(400);
  expect((await post(`{"email":"${'x'.repeat(300_000)}"}`)).status).toBe(413);
  expect((await post(`{"email":${'['.repeat(100)}${']'.repeat(100)}}`)).status).toBe(422);
  expect((await post('email=a', 'text/plain')).status).toBe(415);
  expect((await api.anonymous.get('/no-such-thing')).status).toBe(404);
});
