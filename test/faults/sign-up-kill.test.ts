import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { startWorker } from '../support/worker-process.ts';

/** A worker dies when the server has the mail with the link and has not answered: another takes over, and she gets no second one. */

let api: TestApi;
let admin: TestUser;
let sink: SmtpSink;

beforeAll(async () => {
  api = await startTestApi();
  admin = await api.signIn('admin');
  sink = await startSmtpSink();
}, 90_000);
afterAll(async () => {
  await sink?.close();
  await api?.close();
}, 60_000);

test('kill -9 between the last byte and the answer: in doubt, never twice', async () => {
  const connection = (await admin.post('/connections', { vendor: 'smtp', name: 'Sink', host: '127.0.0.1', port: sink.port, secure: 'none', fromEmail: 'news@shop.example' })).body;
  const list = (await admin.post('/lists', { name: 'Letter' })).body;
  const form = (await admin.post('/forms', { name: 'Letter', listIds: [list.id], connectionId: connection.id })).body;
  const mailState = () => api.container.tenants.use(api.orgId, ({ sql }) => sql.first<{ state: string }>('select mail_state as state from sign_up')).then((row) => row?.state);
  const env = { FERMATA_ALLOW_PRIVATE_SMTP: 'true' };
  const first = await startWorker(env);
  await fetch(form.url.replace(/^https?:\/\/[^/]+/, api.baseUrl), { method: 'POST', body: new URLSearchParams({ email: 'dothang.one@example.com' }) });
  await expect.poll(async () => (await sink.rows()).length, { timeout: 60_000 }).toBe(1);
  expect(await mailState()).toBe('sending');
  await first.kill('SIGKILL');
  await sink.script({ everybody: 'ok' });
  const second = await startWorker(env);
  try {
    await expect.poll(mailState, { timeout: 90_000 }).toBe('in_doubt');
    expect(await sink.rows()).toHaveLength(1);
  } finally {
    await second.kill('SIGTERM');
  }
}, 200_000);
