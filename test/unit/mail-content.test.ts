import PostalMime from 'postal-mime';
import { expect, test } from 'vitest';
import { checkMail, sayProblem } from '#domain/content/check.ts';
import { prepareLinks } from '#domain/content/links.ts';
import { compileMail, fieldsOf, type MailSource } from '../../infra/mail/content.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { createSecrets } from '../../infra/secrets.ts';

const ids = createTrackingIds(createSecrets(Buffer.alloc(32, 7).toString('base64')));
const source: MailSource = {
  orgNo: 3, orgSlug: 'acme', mailNo: 7, subject: 'Hello {{ first_name | default: "friend" }}', preheader: 'News for {{ city }}', fromName: 'Shop, Inc', fromEmail: 'news@shop.example', replyTo: '',
  html: '<html><body><p>Hi {{ first_name }}</p><a href="https://shop.example/a?b=1&amp;c=2">A</a> <a data-track="off" href="https://shop.example/plain">B</a> <a href="https://x.example/?n={{ first_name }}">C</a> <a href="{{ unsubscribe_url }}">bye</a></body></html>',
  text: '', tracking: { opens: true, clicks: true }, utm: { utm_source: 'acme' },
  context: { organization: { name: 'Acme', address: '1 Main St' }, campaign: { name: 'Spring' }, timezone: 'Europe/Berlin' },
};
const person = (fields: Record<string, string>) => (paths: readonly string[]) => fieldsOf(fields, paths);

async function mailFor(fields: Record<string, string>, changes: Partial<MailSource> = {}, test = false) {
  const mail = compileMail({ ...source, ...changes }, { ids, baseUrl: 'https://app.example', test });
  const { bytes } = mail.render({ ordinal: 5, customerId: 9, email: 'ada@example.com', fields: person(fields)(mail.paths) }, Date.UTC(2026, 0, 31));
  return { mail, raw: bytes.toString('latin1'), parsed: await PostalMime.parse(bytes) };
}

test('a value can add neither a header nor markup', async () => {
  const { raw, parsed } = await mailFor({ first_name: 'Ada\r\nBcc: eve@example.com <b>"x"', city: 'Paris' });
  expect(parsed.headers.map((header) => header.key)).not.toContain('bcc');
  expect(parsed.html).toContain('Ada\nBcc: eve@example.com &lt;b&gt;&quot;x&quot;');
  expect(raw.split('\r\n').every((line) => line.length <= 998)).toBe(true);
});

test('no line begins with a dot, so none is lost or doubled on the wire', async () => {
  const { raw, parsed } = await mailFor({ first_name: '.Ada', city: '.' }, { text: '.\n..two\n{{ first_name }}\n' + 'x'.repeat(72) + '.y', utm: {} });
  expect(raw).not.toMatch(/^\./m);
  expect(raw.endsWith('\r\n')).toBe(true);
  expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  expect(parsed.text?.trim()).toBe(`.\n..two\n.Ada\n${'x'.repeat(72)}.y`);
});

test('merge tags in a value are not parsed again', async () => {
  const { parsed } = await mailFor({ first_name: '{{ unsubscribe_url }}' });
  expect(parsed.html).toContain('Hi {{ unsubscribe_url }}');
});

test('links are rewritten to ids that lead back to the stored destination', async () => {
  const { mail, parsed } = await mailFor({ first_name: 'Ada' });
  expect(mail.urls).toEqual(['https://shop.example/a?b=1&c=2&utm_source=acme', 'https://x.example/?n={{ first_name }}&utm_source=acme']);
  const id = /https:\/\/app\.example\/api\/track\/click\/([\w-]{22})"/.exec(parsed.html ?? '')?.[1] ?? '';
  expect(ids.read(id, 'click')).toEqual({ orgNo: 3, mailNo: 7, ordinal: 5, link: 0 });
  expect(parsed.html).toContain('href="https://shop.example/plain"');
});

test('one-click unsubscribe, a stable Message-ID and Feedback-ID are always there', async () => {
  const first = await mailFor({ first_name: 'Ada' });
  const again = await mailFor({ first_name: 'Ada' });
  const header = (name: string) => first.parsed.headers.find((each) => each.key === name)?.value;
  expect(header('list-unsubscribe')).toMatch(/^<https:\/\/app\.example\/api\/track\/unsubscribe\/[\w-]{22}>$/);
  expect(header('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click');
  expect(header('feedback-id')).toBe('7:acme:campaign:fermata');
  expect(first.parsed.messageId).toBe(again.parsed.messageId);
});

test('a test mail says so and tracks nothing', async () => {
  const { mail, parsed } = await mailFor({ first_name: 'Ada' }, {}, true);
  expect(parsed.subject).toBe('[TEST] Hello Ada');
  expect(mail.urls).toEqual([]);
  expect(parsed.html).not.toContain('/track/open/');
});

test('text in any language survives', async () => {
  const { parsed } = await mailFor({ first_name: 'Łukasz 🎉', city: '東京' }, { subject: 'Grüße, {{ first_name }}' });
  expect(parsed.subject).toBe('Grüße, Łukasz 🎉');
  expect(parsed.html).toContain('Hi Łukasz 🎉');
});

test('an altered id, and one made for something else, is refused', () => {
  const [click = ''] = ids.mint({ orgNo: 1, mailNo: 2, ordinal: 3 }, [{ kind: 'click', link: 4 }]);
  expect(ids.read(click, 'click')).toEqual({ orgNo: 1, mailNo: 2, ordinal: 3, link: 4 });
  expect(ids.read(click, 'open')).toBeNull();
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let i = 0; i < click.length; i += 1) {
    for (const letter of alphabet) if (letter !== click[i]) expect(ids.read(click.slice(0, i) + letter + click.slice(i + 1), 'click')).toBeNull();
  }
});

test.each([
  ['{% if city == "London" %}rain{% elsif city %}sun{% else %}?{% endif %}', { city: 'London' }, 'rain'],
  ['{% if city == "London" %}rain{% elsif city %}sun{% else %}?{% endif %}', { city: 'Rome' }, 'sun'],
  ['{% if city == "London" %}rain{% elsif city %}sun{% else %}?{% endif %}', {}, '?'],
  ['{% if city %}sun{% else %}?{% endif %}', { city: '' }, '?'],
  ['{% unless city %}nowhere{% else %}{{ city }}{% endunless %}', { city: 'Rome' }, 'Rome'],
  ['{% case city %}{% when "Rome", "Milan" %}ciao{% else %}hi{% endcase %}', { city: 'Milan' }, 'ciao'],
  ['{{ first_name | default: "friend" | upcase }}', {}, 'FRIEND'],
  ['{{ city | date: "%d %b %Y" }}', { city: '2026-01-31' }, '31 Jan 2026'],
  ['{{ constructor }}{{ missing }}|', {}, '|'],
])('%s', async (text, fields, expected) => {
  const { parsed } = await mailFor(fields as Record<string, string>, { text, utm: {} });
  expect(parsed.text?.trim()).toBe(expected);
});

test('what is wrong with a template is said with its line', () => {
  const html = 'a\n{% for x in y %}\n{{ frist_name }}\n{{ nick | default: "x" }} {{ unsubscribe_url }}';
  const { errors } = checkMail({ subject: '', preheader: '', fromName: '', text: '', html }, { customKeys: new Set(), at: 'launch' });
  expect(errors.map(sayProblem)).toEqual([
    'Line 2, column 1: There is no tag {% for %}; there are if, elsif, else, unless and case.',
    'Line 3, column 1: There is no field frist_name. Correct the name, or give a default: {{ frist_name | default: "…" }}.',
  ]);
});

test('a UTM parameter that is on the link wins, and the fragment stays last', () => {
  const { links } = prepareLinks('<a href="https://x.example/a?utm_source=own#top">', '', { utm_source: 'acme', utm_medium: 'email', utm_term: '' });
  expect(links.map((link) => link.url)).toEqual(['https://x.example/a?utm_source=own&utm_medium=email#top']);
});
