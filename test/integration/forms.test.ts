import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSignUpActivities } from '../../activities/sign-ups.ts';
import { createSweepActivities } from '../../activities/sweep.ts';
import { agreementTo } from '../../api/forms/submission.ts';
import { CONFIRM_URL } from '../../infra/forms/confirmation.ts';
import { startCatcher, type Catcher } from '../../infra/mail/catcher.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';

/** Sign-up forms as strangers meet them: the page, what it refuses, the mail with the link, and what confirming does and does not do. */

let api: TestApi;
let catcher: Catcher;
let admin: TestUser;
let listId: string;

beforeAll(async () => {
  // Everybody comes from another network, as the header says.
  api = await startTestApi({ FERMATA_TRUST_PROXY: '1', FERMATA_CATCHER_SMTP_PORT: '20927' });
  catcher = await startCatcher(api.container);
  admin = await api.signIn('admin');
  for (const [key, type] of [['plan', 'text'], ['seats', 'number'], ['born', 'date'], ['vegan', 'boolean']] as const) await admin.post('/fields', { key, type });
  listId = (await admin.post('/lists', { name: 'Newsletter' })).body.id;
}, 90_000);
afterAll(async () => {
  await catcher?.close();
  await api?.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));

interface Form { readonly id: string; readonly url: string; readonly version: number }

let made = 0;
async function makeForm(more: object = {}): Promise<Form> {
  const reply = await admin.post('/forms', { name: `Form ${made++}`, listIds: [listId], ...more });
  expect([reply.status, reply.body.errors]).toEqual([201, undefined]);
  return reply.body as Form;
}

/** Addresses in forms start with the configured base; the test's server listens elsewhere. */
const local = (url: string) => url.replace(/^https?:\/\/[^/]+/, api.baseUrl);
const network = () => `10.${Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}`;

interface Page { readonly status: number; readonly html: string; readonly headers: Headers }

async function open(url: string): Promise<Page> {
  const answer = await fetch(local(url), { redirect: 'manual' });
  return { status: answer.status, html: await answer.text(), headers: answer.headers };
}
async function send(url: string, values: Readonly<Record<string, string>>, from = network()): Promise<Page> {
  const answer = await fetch(local(url), { method: 'POST', body: new URLSearchParams(values), redirect: 'manual', headers: { 'x-forwarded-for': from } });
  return { status: answer.status, html: await answer.text(), headers: answer.headers };
}

const signUpsOf = (email: string) => sql<{ no: number; state: string; mailState: string; customerId: number | null; answers: object; consent: string }>(
  `select no, state, mail_state as "mailState", customer_id as "customerId", answers, consent_text as consent from sign_up where email_key = $1 order by no`, [email.toLowerCase()]);

/** Lets the worker's activity send what waits for an address. @returns the links in the mails she has got by now */
async function mailsTo(email: string): Promise<{ subject: string; text: string; link: string }[]> {
  for (const { no } of await signUpsOf(email)) await asActivity(createSignUpActivities(api.container).sendConfirmation, { orgId: api.orgId, signUpNo: no });
  const { data } = (await admin.get(`/mail-catcher/messages?search=${encodeURIComponent(email)}`)).body as { data: { id: string; subject: string }[] };
  return Promise.all(data.map(async ({ id, subject }) => {
    const text = ((await admin.get(`/mail-catcher/messages/${id}`)).body as { text: string }).text;
    return { subject, text, link: /http\S+\/f\/confirm\/\S+/.exec(text)?.[0] ?? '' };
  }));
}
async function linkFor(form: Form, email: string, values: Readonly<Record<string, string>> = {}): Promise<string> {
  expect((await send(form.url, { email, ...values })).status).toBe(200);
  return (await mailsTo(email))[0]!.link;
}
const customerOf = async (email: string) => {
  const [row] = await sql<{ id: number }>('select id from customer where email_key = $1', [email.toLowerCase()]);
  return row === undefined ? null : (await admin.get(`/customers/${row.id}`)).body;
};

describe('the form', () => {
  test('is a page that asks what it is set up to ask, runs nothing, and may be framed only where that is asked for', async () => {
    const form = await makeForm({
      title: 'News from us', intro: 'Once a month.\n\nSee https://shop.example/archive.', consentText: 'I agree to the policy', buttonLabel: 'Join', fields: [{ field: 'first_name', label: 'First name', required: true }, { field: 'custom.vegan', label: 'Vegan' }],
    });
    const page = await open(form.url);
    expect(page.status).toBe(200);
    const [organization] = await api.container.control.rows<{ name: string }>('select name from tenant where id = $1', [api.orgId]);
    for (const part of [organization!.name, 'News from us', '<a href="https://shop.example/archive"', 'I agree to the policy', '>Join</button>', 'name="first_name"', 'name="custom.vegan"', 'autocomplete="given-name"']) expect(page.html).toContain(part);
    expect(page.html).not.toContain('<script');
    expect(page.headers.getSetCookie()).toEqual([]);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    const framed = await open(`${form.url}?embed`);
    expect([framed.headers.get('content-security-policy'), framed.headers.get('x-frame-options')]).toEqual([expect.stringContaining('frame-ancestors *'), null]);
    const { embed } = (await admin.get(`/forms/${form.id}`)).body;
    expect(embed.html).toContain(`<form action="${form.url}" method="post"`);
    expect(embed.frame).toContain(`src="${form.url}?embed"`);
  });

  test('says under the field what is wrong and keeps what was typed', async () => {
    const form = await makeForm({
      consentText: 'I agree', fields: [{ field: 'first_name', label: 'First name', required: true }, { field: 'custom.seats', label: 'Seats' }, { field: 'custom.born', label: 'Born' }],
    });
    const page = await send(form.url, { email: 'not an address', 'custom.seats': 'many', 'custom.born': '31.1.2026' });
    expect(page.status).toBe(422);
    for (const part of ['value="not an address"', 'value="many"', 'value="31.1.2026"', 'Not an email address', 'Please fill this in.', 'Please enter a number', 'Please enter a date', 'Please tick this box', '5 things are missing or wrong', 'aria-invalid="true"']) expect(page.html).toContain(part);
    expect(await sql('select 1 from sign_up where form_id = $1', [form.id])).toEqual([]);
    const fine = await send(form.url, { email: 'fine@example.com', first_name: ' Ada ', 'custom.seats': '3', consent: agreementTo('I agree'), 'custom.plan': 'not asked for', score: '99' });
    expect(fine.status).toBe(200);
    expect(await signUpsOf('fine@example.com')).toMatchObject([{ state: 'pending', answers: { first_name: 'Ada', 'custom.seats': '3' }, consent: 'I agree' }]);
  });

  test('a tick under words that were changed since is not taken: she reads the new ones and ticks again', async () => {
    const form = await makeForm({ consentText: 'One letter a month.' });
    const tickOf = ({ html }: Page) => /name="consent" value="([^"]*)"/.exec(html)![1]!;
    const old = tickOf(await open(form.url));
    expect((await admin.get(`/forms/${form.id}`)).body.embed.html).toContain(`value="${old}"`);
    await admin.patch(`/forms/${form.id}`, { version: form.version, consentText: 'A letter every day.' });
    const refused = await send(form.url, { email: 'reads@example.com', consent: old });
    expect(refused.status).toBe(422);
    for (const part of ['A letter every day.', 'These words have changed.', 'value="reads@example.com"']) expect(refused.html).toContain(part);
    expect(refused.html).not.toContain(' checked');
    expect(await signUpsOf('reads@example.com')).toEqual([]);
    expect((await send(form.url, { email: 'reads@example.com', consent: tickOf(refused) })).status).toBe(200);
    expect(await signUpsOf('reads@example.com')).toMatchObject([{ consent: 'A letter every day.' }]);
  });

  test('a text of any kind shows as it was written and does nothing', async () => {
    const evil = '<img src=x onerror=alert(1)>"\'&<script>alert(2)</script>';
    const words = `${evil} https://x.example/"onmouseover="alert(3)`;
    const form = await makeForm({
      name: evil, title: evil, intro: evil, consentText: words, buttonLabel: evil.slice(0, 60), thanksText: evil, fields: [{ field: 'first_name', label: evil, required: true }], doubleOptIn: false,
    });
    const refused = await send(form.url, { email: evil, first_name: evil, consent: agreementTo(words) });
    const typed = await send(`${form.url}?embed`, { email: 'evil@example.com"><script>alert(4)</script>', first_name: '' });
    const thanked = await send(form.url, { email: 'evil@example.com', first_name: evil, consent: agreementTo(words) });
    const { embed } = (await admin.get(`/forms/${form.id}`)).body;
    for (const html of [(await open(form.url)).html, refused.html, typed.html, thanked.html, embed.html, embed.frame]) {
      expect(html).not.toMatch(/<script|<img|onmouseover="alert|[\s"']onerror=alert\(1\)>"/);
      expect(html).not.toContain(evil);
    }
    expect((await customerOf('evil@example.com'))?.firstName).toBe(evil);
  });

  test('whoever fills what people do not see is thanked and forgotten', async () => {
    const form = await makeForm();
    const page = await send(form.url, { email: 'robot@example.com', contact_me_by_fax_only: 'yes' });
    expect([page.status, page.html]).toEqual([200, (await send(form.url, { email: 'human@example.com' })).html.replaceAll('human@', 'robot@')]);
    expect(await signUpsOf('robot@example.com')).toEqual([]);
  });

  test('what is disabled, deleted, altered or another thing’s link takes nothing', async () => {
    const form = await makeForm();
    const closed = await admin.patch(`/forms/${form.id}`, { version: form.version, enabled: false });
    expect(closed.body).toMatchObject({ enabled: false, version: form.version + 1 });
    expect([(await open(form.url)).status, (await send(form.url, { email: 'closed@example.com' })).status]).toEqual([410, 410]);
    expect((await admin.delete(`/forms/${form.id}`)).status).toBe(204);
    const altered = form.url.replace(/.$/, (letter) => (letter === 'A' ? 'B' : 'A'));
    for (const url of [form.url, altered, `${form.url}x`, `${api.baseUrl}/f/confirm/${form.url.split('/').at(-1)!}`]) {
      expect([(await open(url)).status, (await send(url, { email: 'closed@example.com' })).status], url).toEqual([404, 404]);
    }
    expect(await signUpsOf('closed@example.com')).toEqual([]);
  });

  test('a network that signs up too often is asked to wait, others are not', async () => {
    const form = await makeForm();
    const statuses: number[] = [];
    for (let i = 0; i < 22; i += 1) statuses.push((await send(form.url, { email: 'no address' }, `2001:db8:1:2::${i + 1}`)).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 422), 429, 429]);
    expect((await send(form.url, { email: 'no address' }, '2001:db8:1:3::1')).status).toBe(422);
  });

  test('a body that is too large or no form is refused with a page', async () => {
    const form = await makeForm();
    const large = await send(form.url, { email: 'x'.repeat(80_000) });
    expect([large.status, large.headers.get('content-type')]).toEqual([413, 'text/html; charset=utf-8']);
    const json = await fetch(local(form.url), { method: 'POST', body: '{"email":"json@example.com"}', headers: { 'content-type': 'application/json', 'x-forwarded-for': network() } });
    expect(json.status).toBe(422);
    expect(await signUpsOf('json@example.com')).toEqual([]);
  });
});

describe('double opt-in', () => {
  test('a mail with a link; looking at it changes nothing, confirming it makes her a customer on the lists, again is the same', async () => {
    const form = await makeForm({ name: 'Confirming', title: 'The letter', thanksText: 'Glad to have you.', fields: [{ field: 'first_name', label: 'First name' }, { field: 'custom.plan', label: 'Plan' }], consentText: 'I want the letter.' });
    const asked = await send(form.url, { email: ' Ada@Double.example ', first_name: 'Ada', 'custom.plan': 'gold', consent: agreementTo('I want the letter.') });
    expect(asked.html).toContain('Ada@Double.example');
    expect(await customerOf('ada@double.example')).toBeNull();
    const [mail] = await mailsTo('ada@double.example');
    expect(mail).toMatchObject({ subject: 'Please confirm your sign-up', link: expect.stringMatching(/\/f\/confirm\/[\w-]{22}$/) });
    expect(mail!.text).not.toContain(CONFIRM_URL);
    for (let i = 0; i < 2; i += 1) expect((await open(mail!.link)).html).toContain('<button');
    expect(await customerOf('ada@double.example')).toBeNull();

    const answers = [await send(mail!.link, {}), await send(mail!.link, {})];
    expect(answers.map(({ status, html }) => [status, html.includes('Glad to have you.')])).toEqual([[200, true], [200, true]]);
    const ada = await customerOf('ada@double.example');
    expect(ada).toMatchObject({ email: 'Ada@Double.example', firstName: 'Ada', custom: { plan: 'gold' }, mailable: true, version: 1, lists: [{ id: listId }] });
    expect(await sql('select ids from outbox where $1 = any(ids)', [ada.id])).toHaveLength(1);
    expect((await admin.get(`/forms/${form.id}`)).body).toMatchObject({ signUps: 1, confirmed: 1 });
    expect((await admin.get(`/forms/${form.id}/sign-ups?count=true&state=confirmed`)).body).toMatchObject({
      count: 1, data: [{ email: 'Ada@Double.example', state: 'confirmed', mailState: 'sent', consentText: 'I want the letter.', customerId: ada.id, answers: { first_name: 'Ada', 'custom.plan': 'gold' } }],
    });
    const timeline = (await admin.get(`/customers/${ada.id}/timeline?kinds=signed_up`)).body.data;
    expect(timeline).toEqual([expect.objectContaining({ title: 'Signed up', detail: 'Confirming', note: 'I want the letter.' })]);
    expect((await admin.get(`/customers/${ada.id}/data?format=json`)).body.sign_ups).toMatchObject([{ form: 'Confirming', consent_text: 'I want the letter.', state: 'confirmed' }]);
  });

  test('a stranger’s hand fills what is empty and overwrites nothing; only real additions count', async () => {
    const form = await makeForm({ fields: [{ field: 'first_name', label: 'First name' }, { field: 'city', label: 'City' }, { field: 'custom.plan', label: 'Plan' }] });
    const { id } = (await admin.post('/customers', { email: 'kept@example.com', firstName: 'Kept', custom: { plan: 'gold' } })).body;
    await send(await linkFor(form, 'kept@example.com', { first_name: 'Mallory', city: 'Oslo', 'custom.plan': 'none' }), {});
    const kept = await customerOf('kept@example.com');
    expect(kept).toMatchObject({ id, firstName: 'Kept', city: 'Oslo', custom: { plan: 'gold' }, lists: [{ id: listId }], version: 2 });
    const second = await makeForm({ fields: [{ field: 'first_name', label: 'First name' }] });
    await send(await linkFor(second, 'kept@example.com', { first_name: 'Again' }), {});
    expect(await customerOf('kept@example.com')).toMatchObject({ version: 2 });
  });

  test('the same address gets one mail in ten minutes and five a day, however often it is typed, and hears the same each time', async () => {
    const form = await makeForm();
    const answers = await Promise.all(Array.from({ length: 6 }, () => send(form.url, { email: 'often@example.com' })));
    expect(new Set(answers.map(({ status, html }) => `${status} ${html}`)).size).toBe(1);
    expect(await mailsTo('often@example.com')).toHaveLength(1);
    for (let day = 0; day < 6; day += 1) {
      await sql(`update sign_up set created_at = created_at - interval '11 minutes' where email_key = 'often@example.com'`);
      await send(form.url, { email: 'Often@example.com' });
    }
    expect(await mailsTo('often@example.com')).toHaveLength(5);
    await send((await makeForm()).url, { email: 'often@example.com' });
    expect(await mailsTo('often@example.com')).toHaveLength(5);
  });

  test('after seven days the link says so, and what was typed is forgotten', async () => {
    const form = await makeForm({ fields: [{ field: 'first_name', label: 'First name' }] });
    const link = await linkFor(form, 'late@example.com', { first_name: 'Late' });
    await sql(`update sign_up set created_at = created_at - interval '7 days', expires_at = expires_at - interval '7 days' where email_key = 'late@example.com'`);
    const both = async () => [(await open(link)).status, (await send(link, {})).status];
    expect(await both()).toEqual([410, 410]);
    await asActivity(createSweepActivities(api.container).sweep);
    expect(await sql('select state, email, email_key, answers, form_name from sign_up where form_id = $1', [form.id])).toEqual([{ state: 'expired', email: null, email_key: null, answers: {}, form_name: expect.any(String) }]);
    expect(await both()).toEqual([410, 410]);
    expect(await customerOf('late@example.com')).toBeNull();
  });

  test.each([
    ['unsubscribed', true, false], ['complaint', false, true], ['manual', false, true], ['hard_bounce', false, true], ['list_import', false, true],
  ])('of somebody suppressed as %s it lifts the suppression: %s', async (reason, lifted, isSilent) => {
    const email = `${reason}@lift.example`;
    const { id } = (await admin.post('/customers', { email })).body;
    await admin.post('/suppressions', { email, reason });
    const form = await makeForm();
    expect((await send(form.url, { email })).html).toContain('Check your mail');
    expect(await mailsTo(email)).toHaveLength(isSilent ? 0 : 1);
    const [held] = await signUpsOf(email);
    expect(held!.mailState).toBe(isSilent ? 'skipped' : 'sent');
    // Whoever has the link may confirm: the suppression stays all the same.
    await send(await confirmLink(held!.no), {});
    expect(await customerOf(email)).toMatchObject({ mailable: lifted, isUnsubscribed: false, lists: [{ id: listId }] });
    expect((await admin.get(`/customers/${id}/timeline?kinds=unsuppressed`)).body.data).toHaveLength(lifted ? 1 : 0);
    expect(await sql(`select 1 from audit where action = 'suppression.removed' and subject = $1`, [email])).toHaveLength(lifted ? 1 : 0);
  });

  test('a reason that joined the unsubscription later keeps blocking', async () => {
    const email = 'joined@lift.example';
    await admin.post('/customers', { email });
    await admin.post('/suppressions', { email, reason: 'unsubscribed' });
    await admin.post('/suppressions', { email, reason: 'complaint' });
    await send((await makeForm()).url, { email });
    const [held] = await signUpsOf(email);
    await send(await confirmLink(held!.no), {});
    expect(await mailsTo(email)).toEqual([]);
    expect(await customerOf(email)).toMatchObject({ mailable: false, isUnsubscribed: true });
  });

  test('who was erased after unsubscribing comes back by confirming, who was barred for ever does not', async () => {
    const form = await makeForm();
    for (const [email, neverMail] of [['erased@back.example', false], ['barred@back.example', true]] as const) {
      const { id } = (await admin.post('/customers', { email })).body;
      if (!neverMail) await admin.post('/suppressions', { email, reason: 'unsubscribed' });
      expect((await admin.delete(`/customers/${id}?neverMail=${neverMail}`)).status).toBe(204);
      await send(form.url, { email });
      expect(await mailsTo(email)).toHaveLength(neverMail ? 0 : 1);
      await send(await confirmLink((await signUpsOf(email))[0]!.no), {});
      expect(await customerOf(email)).toMatchObject({ mailable: !neverMail });
    }
  });

  test('confirmed many times at one moment it is done once; suppressed at that moment she is not mailed', async () => {
    const form = await makeForm();
    const link = await linkFor(form, 'rush@example.com');
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(link, {})));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    const rush = await customerOf('rush@example.com');
    expect(rush.version).toBe(1);
    expect(await sql('select ids from outbox where $1 = any(ids)', [rush.id])).toHaveLength(1);
    for (let i = 0; i < 10; i += 1) {
      const email = `race${i}@confirm.example`;
      await send(form.url, { email });
      const at = await confirmLink((await signUpsOf(email))[0]!.no);
      await Promise.all([send(at, {}), admin.post('/suppressions', { email, reason: 'manual' })]);
      expect(await customerOf(email)).toMatchObject({ mailable: false });
    }
  });

  test('a list or field that is gone by then is left out, a form that is gone still keeps its word', async () => {
    const short = (await admin.post('/lists', { name: 'Short-lived' })).body.id;
    await admin.post('/fields', { key: 'brief', type: 'text' });
    const form = await makeForm({ listIds: [listId, short], fields: [{ field: 'custom.brief', label: 'Brief' }] });
    const link = await linkFor(form, 'gone@example.com', { 'custom.brief': 'x' });
    await admin.delete(`/forms/${form.id}`);
    await admin.delete(`/lists/${short}`);
    await admin.delete('/fields/brief');
    expect((await send(link, {})).html).toContain('You are signed up.');
    expect(await customerOf('gone@example.com')).toMatchObject({ custom: {}, lists: [{ id: listId }] });
  });

  test('erased, she leaves no sign-up, and her link leads nowhere', async () => {
    const form = await makeForm({ consentText: 'Yes' });
    const link = await linkFor(form, 'erase@me.example', { consent: agreementTo('Yes') });
    await send(link, {});
    await sql(`update sign_up set created_at = created_at - interval '1 hour' where email_key = 'erase@me.example'`);
    const pending = await linkFor(form, 'erase@me.example', { consent: agreementTo('Yes') });
    const { id } = await customerOf('erase@me.example');
    expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
    expect(await sql(`select 1 from sign_up where email_key = 'erase@me.example' or customer_id = $1`, [id])).toEqual([]);
    expect([(await send(link, {})).status, (await send(pending, {})).status]).toEqual([404, 404]);
    expect(await customerOf('erase@me.example')).toBeNull();
  });
});

describe('without double opt-in', () => {
  test('she is on the list at once, goes where the form leads, and no suppression is lifted', async () => {
    const form = await makeForm({ doubleOptIn: false, redirectUrl: 'https://shop.example/thanks?x=1', consentText: 'Yes' });
    const answer = await send(form.url, { email: 'direct@example.com', consent: agreementTo('Yes') });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, 'https://shop.example/thanks?x=1']);
    expect((await open(form.url)).headers.get('content-security-policy')).toContain("form-action 'self' https://shop.example;");
    const inFrame = await send(`${form.url}?embed`, { email: 'framed@example.com', consent: agreementTo('Yes') });
    expect([inFrame.status, inFrame.html]).toEqual([200, expect.stringContaining('href="https://shop.example/thanks?x=1" target="_top"')]);
    expect(await customerOf('direct@example.com')).toMatchObject({ mailable: true, lists: [{ id: listId }] });
    expect(await signUpsOf('direct@example.com')).toMatchObject([{ state: 'confirmed', mailState: 'none', consent: 'Yes' }]);
    await admin.post('/suppressions', { email: 'left@example.com', reason: 'unsubscribed' });
    expect((await send(form.url, { email: 'left@example.com', consent: agreementTo('Yes') })).status).toBe(303);
    expect(await customerOf('left@example.com')).toMatchObject({ mailable: false, isUnsubscribed: true, lists: [{ id: listId }] });
  });
});

describe('setting up', () => {
  test('the defaults work, and what cannot work is refused by field', async () => {
    const form = (await admin.post('/forms', { name: 'Plain', listIds: [listId] })).body;
    expect(form).toMatchObject({ title: 'Plain', doubleOptIn: true, enabled: true, problems: [], version: 1, signUps: 0, confirmed: 0, confirmText: expect.stringContaining(CONFIRM_URL) });
    const refused = async (body: object, field: string) => {
      const reply = await admin.post('/forms', { name: 'Refused', listIds: [listId], ...body });
      expect([reply.status, reply.body.errors?.map((error: { field: string }) => error.field)]).toEqual([field === 'name' ? 409 : 422, [field]]);
    };
    await refused({ name: 'PLAIN' }, 'name');
    await refused({ listIds: [] }, 'listIds');
    await refused({ listIds: [listId, '018f0000-0000-7000-8000-000000000000'] }, 'listIds[1]');
    await refused({ confirmText: 'No link' }, 'confirmText');
    await refused({ redirectUrl: 'javascript:alert(1)' }, 'redirectUrl');
    await refused({ connectionId: null }, 'connectionId');
    await refused({ connectionId: '018f0000-0000-7000-8000-000000000000' }, 'connectionId');
    await refused({ fields: [{ field: 'score', label: 'Score' }] }, 'fields[0].field');
    await refused({ fields: [{ field: 'custom.unknown', label: 'X' }] }, 'fields[0].field');
    await refused({ fields: [{ field: 'city', label: 'City' }, { field: 'city', label: 'Town' }] }, 'fields[1].field');
    expect((await admin.patch(`/forms/${form.id}`, { version: 7, name: 'Late' })).status).toBe(409);
    await admin.patch(`/connections/${form.connectionId}`, { enabled: false });
    expect((await admin.get(`/forms/${form.id}`)).body.problems).toEqual([expect.stringContaining('disabled')]);
    await admin.patch(`/connections/${form.connectionId}`, { enabled: true });
  });

  test('what a form uses cannot be deleted, and the refusal names it', async () => {
    const list = (await admin.post('/lists', { name: 'In a form' })).body.id;
    await admin.post('/fields', { key: 'in_a_form', type: 'text' });
    const connection = (await admin.post('/connections', { vendor: 'catcher', name: 'For a form', fromEmail: 'form@shop.example' })).body.id;
    const form = await makeForm({ name: 'The user', listIds: [list], fields: [{ field: 'custom.in_a_form', label: 'X' }], connectionId: connection });
    for (const path of [`/lists/${list}`, '/fields/in_a_form', `/connections/${connection}`]) {
      const refused = await admin.delete(path);
      expect([refused.status, refused.body.detail], path).toEqual([409, expect.stringContaining('form “The user”')]);
    }
    expect((await admin.get(`/lists/${list}`)).body.usedBy).toEqual([{ kind: 'form', id: form.id, name: 'The user' }]);
    await admin.delete(`/forms/${form.id}`);
    for (const path of [`/lists/${list}`, '/fields/in_a_form', `/connections/${connection}`]) expect((await admin.delete(path)).status, path).toBe(204);
  });

  test('forms come by name in pages', async () => {
    for (const name of ['paged b', 'Paged A', 'paged c']) await makeForm({ name });
    const first = (await admin.get('/forms?search=paged&limit=2&count=true')).body;
    expect([first.count, first.data.map((form: { name: string }) => form.name)]).toEqual([3, ['Paged A', 'paged b']]);
    expect((await admin.get(`/forms?search=paged&limit=2&cursor=${first.nextCursor}`)).body.data).toMatchObject([{ name: 'paged c' }]);
  });

  test('a form of another organization has its own people', async () => {
    const other = await createTestOrganization({ container: api.container });
    const stranger = await api.signIn('owner', other.orgId);
    const list = (await stranger.post('/lists', { name: 'Theirs' })).body.id;
    const form = (await stranger.post('/forms', { name: 'Theirs', listIds: [list], doubleOptIn: false })).body;
    expect((await send(form.url, { email: 'foreign@example.com' })).status).toBe(200);
    expect(await api.container.tenants.use(other.orgId, ({ sql }) => sql.rows('select email from customer'))).toEqual([{ email: 'foreign@example.com' }]);
    expect(await customerOf('foreign@example.com')).toBeNull();
    expect((await admin.get(`/forms/${form.id}`)).status).toBe(404);
  });
});

/** The link as the mail has it, for those who got none. */
async function confirmLink(no: number): Promise<string> {
  const orgNo = await api.container.tenants.use(api.orgId, ({ org }) => Promise.resolve(org.no));
  return `${api.baseUrl}/f/confirm/${createTrackingIds(api.container.secrets).mint({ orgNo, mailNo: 0, ordinal: no }, [{ kind: 'signUp', link: 0 }])[0]!}`;
}
