import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';

let api: TestApi;
let owner: TestUser;

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
  await owner.post('/fields', { key: 'vip', label: 'VIP', type: 'boolean' });
});
afterAll(() => api.close());

describe('the preview of a form', () => {
  test('shows the pages of what is written so far, finished or not', async () => {
    const { status, body } = await owner.post('/forms/preview', {
      name: 'Only for us', title: 'News', intro: 'Once a month.\n\nSee https://example.com/news', consentText: 'Yes, write to me.', buttonLabel: 'Join', thanksText: 'Welcome.',
      fields: [{ field: 'first_name', label: '', required: true }, { field: 'custom.vip', label: 'Very important', required: false }, { field: 'custom.gone', label: 'Nobody has this', required: true }],
    });
    expect(status).toBe(200);
    expect(body.form).toContain('<h1>News</h1>');
    expect(body.form).toContain('<a href="https://example.com/news"');
    expect(body.form).toMatch(/<input [^>]*name="first_name"[^>]*required/);
    expect(body.form).toMatch(/type="checkbox" name="custom.vip"|name="custom.vip" type="checkbox"/);
    expect(body.form).not.toContain('Nobody has this');
    expect(body.form).toContain('Yes, write to me.');
    expect(body.sent).toContain('ada@example.com');
    expect(body.confirm).toContain('<strong>News</strong>');
    expect(body.thanks).toContain('Welcome.');
    expect((await owner.get('/forms?count=true')).body.count).toBe(0);
  });

  test('is the hosted page to the letter', async () => {
    const list = (await owner.post('/lists', { name: 'Letters' })).body;
    const form = (await owner.post('/forms', { name: 'Hosted', title: 'News', intro: 'Monthly.', listIds: [list.id], consentText: 'Yes.', fields: [{ field: 'city', label: 'City', required: true }], thanksText: 'Welcome.' })).body;
    const { name, title, intro, consentText, buttonLabel, thanksText, fields } = form;
    const preview = (await owner.post('/forms/preview', { name, title, intro, consentText, buttonLabel, thanksText, fields })).body;
    expect(preview.form).toBe(await (await fetch(api.baseUrl + new URL(form.url).pathname)).text());
  });

  test('lets nothing that was typed become HTML', async () => {
    const nasty = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>';
    const { body } = await owner.post('/forms/preview', { name: nasty, title: nasty, intro: nasty, consentText: nasty, buttonLabel: nasty.slice(0, 60), thanksText: nasty, fields: [{ field: 'city', label: nasty, required: false }] });
    for (const page of Object.values<string>(body)) expect(page).not.toMatch(/<script|<img/);
  });
});
