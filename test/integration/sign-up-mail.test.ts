import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSignUpActivities } from '../../activities/sign-ups.ts';
import { createSweepActivities } from '../../activities/sweep.ts';
import { workflowIds } from '../../workflows/contracts.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** The mail with the link: once, whatever the server says and whoever dies; over a server that does what the address asks for. */

let api: TestApi;
let admin: TestUser;
let sink: SmtpSink;
let form: { id: string; url: string };
let connectionId: string;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_TRUST_PROXY: '1' });
  admin = await api.signIn('admin');
  sink = await startSmtpSink({ keepsMessages: true });
  const connection = await admin.post('/connections', { vendor: 'smtp', name: 'Sink', host: '127.0.0.1', port: sink.port, secure: 'none', fromEmail: 'news@shop.example', fromName: 'Büro “Süd”' });
  expect(connection.status).toBe(201);
  connectionId = connection.body.id;
  const list = (await admin.post('/lists', { name: 'Letter' })).body.id;
  form = (await admin.post('/forms', { name: 'Letter', listIds: [list], connectionId, confirmSubject: 'Ja, bitte\r\nBcc: spy@example.com', confirmText: 'Grüße.\n\n.\n{{confirm_url}}\n' })).body;
}, 90_000);
afterAll(async () => {
  await sink?.close();
  await api?.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
let networks = 0;
/** Signs up by the hosted page. @returns the sign-up's number */
async function signUp(email: string): Promise<number> {
  networks += 1;
  const answer = await fetch(form.url.replace(/^https?:\/\/[^/]+/, api.baseUrl), { method: 'POST', body: new URLSearchParams({ email }), headers: { 'x-forwarded-for': `10.0.${networks >> 8}.${networks & 255}` } });
  expect(answer.status).toBe(200);
  return (await sql<{ no: number }>('select no from sign_up where email = $1', [email]))[0]!.no;
}
const attempt = (signUpNo: number) => asActivity(createSignUpActivities(api.container).sendConfirmation, { orgId: api.orgId, signUpNo });
const stateOf = async (no: number) => (await sql<{ state: string; reply: string | null; attempt: number }>('select mail_state as state, mail_reply as reply, mail_attempt as attempt from sign_up where no = $1', [no]))[0]!;
const mailsTo = async (email: string) => (await sink.rows()).filter((row) => row.recipient === email);

test('the mail is plain text from the connection’s sender, with the link and nothing a text could add to its head', async () => {
  const no = await signUp('Ann.Other@xn--bcher-kva.example');
  expect(await attempt(no)).toEqual({ retryInMs: null });
  expect(await stateOf(no)).toMatchObject({ state: 'sent', attempt: 1 });
  const rows = await sink.rows();
  expect(rows.at(-1)).toMatchObject({ recipient: 'Ann.Other@xn--bcher-kva.example', sender: 'news@shop.example' });
  const [head = '', body = ''] = (await sink.message(rows.length - 1)).toString().split(/\r\n\r\n(.*)/s);
  expect(head).not.toMatch(/^Bcc:/m);
  expect(head).toMatch(/^Subject: Ja, bitte Bcc: spy@example.com$/m);
  expect(head).toMatch(/^Auto-Submitted: auto-generated$/m);
  expect(head).toMatch(/^Message-ID: <[\w-]{22}@shop.example>$/m);
  expect(body.replaceAll('=\r\n', '')).toMatch(/^Gr=C3=BC=C3=9Fe\.\r\n\r\n=2E\r\nhttp\S+\/f\/confirm\/[\w-]{22}\s*$/);
});

test('the same attempt twice sends once', async () => {
  const no = await signUp('twice@example.com');
  await Promise.all([attempt(no), attempt(no)]);
  await attempt(no);
  expect(await mailsTo('twice@example.com')).toHaveLength(1);
});

test('an attempt that died between its intent and the answer leaves the mail in doubt, and it is not sent again', async () => {
  const no = await signUp('died@example.com');
  await sql(`update sign_up set mail_state = 'sending', mail_attempt = 1 where no = $1`, [no]);
  expect(await attempt(no)).toEqual({ retryInMs: null });
  expect(await stateOf(no)).toMatchObject({ state: 'in_doubt', attempt: 1 });
  await attempt(no);
  expect(await mailsTo('died@example.com')).toEqual([]);
});

test('a "later" is tried again ever more rarely for a day, then given up', async () => {
  const no = await signUp('grey-99.a@example.com');
  const waits: (number | null)[] = [];
  for (let i = 0; i < 6; i += 1) waits.push((await attempt(no)).retryInMs);
  expect(waits).toEqual([1, 4, 15, 40, 60, 60].map((minutes) => minutes * 60_000));
  expect(await stateOf(no)).toMatchObject({ state: 'queued', attempt: 6, reply: expect.stringContaining('greylisted') });
  await sql(`update sign_up set created_at = created_at - interval '23 hours 30 minutes' where no = $1`, [no]);
  expect(await attempt(no)).toEqual({ retryInMs: null });
  expect(await stateOf(no)).toMatchObject({ state: 'failed', reply: expect.stringContaining('greylisted') });
});

test('a mail that waited longer than a day, as in a restored backup, stays unsent', async () => {
  const no = await signUp('backup@example.com');
  await sql(`update sign_up set created_at = created_at - interval '2 days' where no = $1`, [no]);
  expect(await attempt(no)).toEqual({ retryInMs: null });
  expect([(await stateOf(no)).state, await mailsTo('backup@example.com')]).toEqual(['failed', []]);
});

test.each([
  ['rcpt550.x@example.com', 'failed', null], ['dot550.x@example.com', 'failed', null], ['dotdrop-fin.x@example.com', 'in_doubt', null], ['dotdrop-rst.x@example.com', 'in_doubt', null],
  ['data354drop.x@example.com', 'queued', 60_000], ['rcpt421.x@example.com', 'queued', 60_000],
])('%s ends as %s', async (email, state, retryInMs) => {
  const no = await signUp(email);
  expect(await attempt(no)).toEqual({ retryInMs });
  expect((await stateOf(no)).state).toBe(state);
  expect(await sql('select 1 from suppression where email_key = $1', [email])).toEqual([]);
});

test('a connection that cannot send holds the mail back until it can', async () => {
  const no = await signUp('patient@example.com');
  for (const [broken, mended] of [['enabled = false', 'enabled = true'], ['from_email = null', `from_email = 'news@shop.example'`], [`settings = settings || '{"port": 1}'`, `settings = settings || '{"port": ${sink.port}}'`]] as const) {
    await sql(`update connection set ${broken} where id = $1`, [connectionId]);
    expect((await attempt(no)).retryInMs).toBeGreaterThan(0);
    expect((await stateOf(no)).state).toBe('queued');
    await sql(`update connection set ${mended} where id = $1`, [connectionId]);
  }
  expect(await attempt(no)).toEqual({ retryInMs: null });
  expect(await mailsTo('patient@example.com')).toHaveLength(1);
});

test('the limits of the connection hold for confirmations too', async () => {
  await sql(`update connection set limits = '{"hour": 1}' where id = $1`, [connectionId]);
  const [first, second] = [await signUp('first@limits.example'), await signUp('second@limits.example')];
  expect(await attempt(first)).toEqual({ retryInMs: null });
  const { retryInMs } = await attempt(second);
  expect(retryInMs).toBeGreaterThan(3_000_000);
  expect(await stateOf(second)).toMatchObject({ state: 'queued', reply: expect.stringContaining('limits') });
  await sql(`update connection set limits = '{}' where id = $1`, [connectionId]);
  expect(await attempt(second)).toEqual({ retryInMs: null });
  expect((await sink.rows()).filter(({ recipient }) => recipient.endsWith('@limits.example')).map((row) => row.recipient)).toEqual(['first@limits.example', 'second@limits.example']);
});

test('nothing is sent for what is confirmed, expired, erased or of a form that is gone', async () => {
  const [confirmed, expired, erased] = [await signUp('confirmed@example.com'), await signUp('expired@example.com'), await signUp('erased@example.com')];
  await sql(`update sign_up set state = 'confirmed', confirmed_at = now() where no = $1`, [confirmed]);
  await sql('update sign_up set expires_at = now() where no = $1', [expired]);
  await sql('delete from sign_up where no = $1', [erased]);
  const gone = await signUp('gone@example.com');
  await sql('update sign_up set form_id = null where no = $1', [gone]);
  for (const no of [confirmed, expired, erased, gone]) expect(await attempt(no)).toEqual({ retryInMs: null });
  expect((await stateOf(gone)).state).toBe('failed');
  expect((await sink.rows()).filter(({ recipient }) => /^(confirmed|expired|erased|gone)@/.test(recipient))).toEqual([]);
});

test('a worker sends it by itself; one whose start was lost is found by the sweep', async () => {
  const connection = await Connection.connect({ address: api.container.config.TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace: api.container.config.TEMPORAL_NAMESPACE });
  let worker: WorkerProcess | undefined;
  try {
    const no = await signUp('worker@example.com');
    const lost = randomUUID().slice(0, 8);
    await sql(
      `insert into sign_up (form_id, form_name, email, email_key, list_ids, double_opt_in, state, mail_state, created_at, expires_at)
       values ($1, 'Letter', $2, $2, '{}', true, 'pending', 'queued', now() - interval '1 minute', now() + interval '7 days')`, [form.id, `${lost}@example.com`]);
    const [{ no: lostNo }] = (await sql<{ no: number }>('select no from sign_up where email = $1', [`${lost}@example.com`])) as [{ no: number }];
    const isStarted = (signUpNo: number) => client.workflow.getHandle(workflowIds.signUp(api.orgId, signUpNo)).describe().then(() => true, () => false);
    expect([await isStarted(no), await isStarted(lostNo)]).toEqual([true, false]);
    await asActivity(createSweepActivities(api.container).sweep);
    expect(await isStarted(lostNo)).toBe(true);
    worker = await startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' });
    for (const signUpNo of [no, lostNo]) await expect.poll(async () => (await stateOf(signUpNo)).state, { timeout: 60_000 }).toBe('sent');
    await client.workflow.getHandle(workflowIds.signUp(api.orgId, no)).result();
    expect([...(await mailsTo('worker@example.com')), ...(await mailsTo(`${lost}@example.com`))]).toHaveLength(2);
  } finally {
    await worker?.kill('SIGTERM');
    await connection.close();
  }
}, 120_000);
