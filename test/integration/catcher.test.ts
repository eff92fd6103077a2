import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCatcher, type Catcher } from '../../infra/mail/catcher.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';

let api: TestApi;
let catcher: Catcher;
let owner: TestUser;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_CATCHER_SMTP_PORT: '20926' });
  catcher = await startCatcher(api.container);
  owner = await api.signIn('owner');
});
afterAll(async () => {
  await catcher.close();
  await api.close();
});

const smtp = (user: string, pass = api.container.secrets.derive('catcher', user).toString('base64url')) =>
  createTransport({ host: '127.0.0.1', port: catcher.port, secure: false, ignoreTLS: true, auth: { user, pass }, pool: true, maxConnections: 20 });

test('a mail accepted for an organization is in its view and in no other', async () => {
  const other = await createTestOrganization({ container: api.container });
  const stranger = await api.signIn('owner', other.orgId);
  const transport = smtp(api.orgId);
  await transport.sendMail({ from: 'a@example.com', to: 'b@example.com', subject: 'Grüße aus Köln', html: '<p>Hi <a href="https://example.com/?a=1&amp;b=2">there</a></p>', text: 'Hi' });
  transport.close();
  const { body } = await owner.get('/mail-catcher/messages?search=b@example');
  expect(body.data[0]).toMatchObject({ from: 'a@example.com', to: 'b@example.com', subject: 'Grüße aus Köln' });
  const one = (await owner.get(`/mail-catcher/messages/${body.data[0].id}`)).body;
  expect(one.html).toContain('there');
  expect(one.links).toEqual([{ text: 'there', url: 'https://example.com/?a=1&b=2' }]);
  expect((await owner.get(`/mail-catcher/messages/${body.data[0].id}/source`)).body).toContain('MIME-Version');
  expect((await stranger.get('/mail-catcher/messages')).body.data).toEqual([]);
  expect((await stranger.get(`/mail-catcher/messages/${body.data[0].id}`)).status).toBe(404);
});

test('a wrong password is refused', async () => {
  const transport = smtp(api.orgId, 'wrong');
  await expect(transport.verify()).rejects.toMatchObject({ responseCode: 535 });
  transport.close();
});

test('many at once are all kept, and Clear takes them away', async () => {
  const transport = smtp(api.orgId);
  await Promise.all(Array.from({ length: 300 }, (_, i) => transport.sendMail({ from: 'a@example.com', to: `p${i}@many.example`, subject: `Mail ${i}`, text: 'x' })));
  transport.close();
  expect((await owner.get('/mail-catcher/messages?search=many.example&count=true&limit=1')).body.count).toBe(300);
  expect((await owner.delete('/mail-catcher/messages')).status).toBe(204);
  expect((await owner.get('/mail-catcher/messages')).body.data).toEqual([]);
});
