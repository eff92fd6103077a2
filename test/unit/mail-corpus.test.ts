import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';
import { describe, expect, test } from 'vitest';
import { asciiAddress, encodeHeader, encodeMailbox, isAddress } from '../../infra/mail/mime.ts';
import type { MailSource } from '../../infra/mail/content.ts';
import { compile, emptyMail, send, show } from '../support/content.ts';

/** Mails are read back by two parsers that know nothing of ours: what was written is what arrives, and the wire takes every line. */

const unsubscribe = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>';
const untracked = { tracking: { opens: false, clicks: false } };
const corpus: readonly { readonly name: string; readonly mail: Partial<MailSource>; readonly row?: Readonly<Record<string, unknown>> }[] = [
  { name: 'emoji with joiners and flags', mail: { subject: '👩‍👩‍👧‍👦 {{ first_name }} 🇪🇺 '.repeat(6), html: `<p>👩🏽‍🚀 {{ first_name }}</p>${unsubscribe}` }, row: { first_name: '🎉Łukasz' } },
  { name: 'right to left', mail: { subject: 'שלום {{ first_name }}, مرحبا بك في عرضنا الجديد لهذا الأسبوع', fromName: 'متجر "القهوة"', html: `<p dir="rtl">שלום {{ first_name }} \u202Eabc\u202C</p>${unsubscribe}` }, row: { first_name: 'דנה' } },
  { name: 'Chinese, Thai, combining marks', mail: { subject: '東京からのお知らせ：春の新商品が入荷しました。ぜひご覧ください', html: `<p>สวัสดี e\u0301\u0323 ﷽ ${'漢'.repeat(500)}</p>${unsubscribe}` } },
  { name: 'a word of 50,000 letters', mail: { subject: 'x'.repeat(250), html: `<p>${'w'.repeat(50_000)} {{ city }}</p>${unsubscribe}` }, row: { city: 'y'.repeat(9_000) } },
  { name: 'a megabyte of HTML in one line', mail: { html: `<div>${'<p>Räder &amp; Ähnliches = 100 % </p>'.repeat(28_000)}</div>${unsubscribe}` } },
  { name: 'a picture inside the HTML', mail: { html: `<p><img alt="dot" src="data:image/png;base64,${Buffer.alloc(90_000, 3).toString('base64')}"></p>${unsubscribe}` } },
  { name: 'quotes, commas and brackets in the from name', mail: { fromName: 'Smith, "Jo\\e" <ceo@evil.example> (Sales)', subject: '=?utf-8?Q?not_encoded?= "quoted"' } },
  { name: 'a long subject of words', mail: { subject: 'Seven words of a subject that goes on '.repeat(6).trim() } },
  { name: 'a long from name of words', mail: { fromName: 'The Friendly Society of People Who Write Very Long Names, Incorporated, Limited and Sons' } },
  { name: 'lines that begin with dots and end with spaces', mail: { text: `.\n..\n  \n. {{ first_name }}  \n\t\n${'.'.repeat(200)}\nFrom me\n{{ unsubscribe_url }}` }, row: { first_name: '.' } },
  { name: 'every kind of line break', mail: { html: `<pre>a\r\nb\rc\nd</pre>${unsubscribe}`, text: 'a\r\nb\rc\nd {{ unsubscribe_url }}' } },
  { name: 'half characters', mail: { subject: 'a\uD800b {{ first_name }}', html: `<p>{{ first_name }}\uDC00</p>${unsubscribe}` }, row: { first_name: '\uD83Dx' } },
];

describe.each(corpus)('$name', ({ mail, row = {} }) => {
  const bytes = send({ html: unsubscribe, ...untracked, ...mail }, row);
  const wire = bytes.toString('latin1');

  test('keeps to the rules of the wire', () => {
    expect(wire).toMatch(/^[\t\r\n\x20-\x7e]*$/);
    expect(wire.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    expect(wire).not.toMatch(/^\./m);
    expect(wire.endsWith('\r\n')).toBe(true);
    const [head = '', body = ''] = [wire.slice(0, wire.indexOf('\r\n\r\n')), wire.slice(wire.indexOf('\r\n\r\n'))];
    for (const line of body.split('\r\n')) expect(line.length).toBeLessThanOrEqual(80);
    for (const line of head.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
    // Folded wherever there is a space to fold at.
    for (const line of head.split('\r\n')) if (line.length > 90) expect(line.trim().replace(/^[\w-]+: /, '')).not.toMatch(/ /);
  });

  test('arrives as it was written', async () => {
    // The same mail as a test mail and unencoded: links of both change nothing and are the same.
    const shown = show({ html: unsubscribe, ...untracked, ...mail }, row, 1, {});
    const text = (value: string) => value.toWellFormed().replaceAll(/\r\n?/g, '\n').trimEnd();
    const one = await PostalMime.parse(bytes);
    const two = await simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true });
    for (const subject of [one.subject, two.subject]) expect(subject).toBe(shown.subject.toWellFormed().trim());
    for (const name of [one.from?.name, two.from?.value[0]?.name]) expect(name).toBe(shown.fromName);
    for (const address of [one.from?.address, two.from?.value[0]?.address]) expect(address).toBe('news@shop.example');
    expect(text(one.html ?? '')).toBe(text(shown.html));
    expect(text(String(two.html))).toBe(text(shown.html));
    expect(text(one.text ?? '')).toBe(text(shown.text));
    expect(text(two.text ?? '')).toBe(text(shown.text));
    expect(one.attachments).toEqual([]);
    expect(one.headers.map((header) => header.key)).toEqual(['from', 'to', 'subject', 'date', 'message-id', 'list-unsubscribe', 'list-unsubscribe-post', 'feedback-id', 'x-auto-response-suppress', 'mime-version', 'content-type']);
  });
});

describe('nothing a value holds adds a header or changes the envelope', () => {
  const hostile = ['\r\nBcc: eve@evil.example', '\n\nBody', '\r\n\r\n<script>', '%0d%0aBcc: eve@evil.example', '\u010d\u010aBcc: x', '\u2028Bcc: x', '\u0000Bcc', 'x>\r\nRCPT TO:<eve@evil.example', '=?utf-8?B?DQpCY2M6IGV2ZQ==?=', '--=_fermata_7--', '\r\n.\r\n'];
  test.each(hostile)('%j', async (value) => {
    const parsed = await PostalMime.parse(send({ subject: 'Hi {{ first_name }}', fromName: 'Shop {{ first_name }}', html: `<p>{{ first_name }}</p>${unsubscribe}`, replyTo: '' }, { first_name: value }));
    expect(parsed.headers.map((header) => header.key)).toEqual(['from', 'to', 'subject', 'date', 'message-id', 'list-unsubscribe', 'list-unsubscribe-post', 'feedback-id', 'x-auto-response-suppress', 'mime-version', 'content-type']);
    expect(parsed.to).toEqual([{ address: 'ada@example.com', name: '' }]);
    expect(parsed.from?.address).toBe('news@shop.example');
    expect(parsed.html).toContain('Unsubscribe');
  });

  test.each(['a@b.example\r\nRCPT TO:<x@y.example>', 'a b@x.example', 'a@x.example,b@x.example', '<a@x.example>', '"a"@x.example', 'a@@x.example', '@x.example', 'a@', 'a@x..example>', 'ä@x.example', 'a@x.example (c)'])('%j is no address', (address) => {
    expect(isAddress(address)).toBe(false);
    expect(() => send({}, {}, { email: address })).toThrow('the address cannot be written in a mail');
  });
});

test('internationalized domains are written in ASCII', async () => {
  expect(asciiAddress('Ada@Bücher.Example')).toBe('Ada@xn--bcher-kva.example');
  expect(asciiAddress('a@例え.jp')).toBe('a@xn--r8jz45g.jp');
  const mail = compile({ fromEmail: 'news@bücher.example', replyTo: 'help@bücher.example', html: unsubscribe });
  const { from, to, bytes } = mail.render({ ordinal: 1, customerId: 1, email: 'ada@straße.example', fields: new Map() }, 0);
  expect([from, to]).toEqual(['news@xn--bcher-kva.example', 'ada@xn--strae-oqa.example']);
  const parsed = await PostalMime.parse(bytes);
  expect(parsed.replyTo?.[0]?.address).toBe('help@xn--bcher-kva.example');
  expect(parsed.messageId).toMatch(/^<[\w-]{22}@xn--bcher-kva\.example>$/);
});

test('folding comes out again, whatever the spaces', async () => {
  for (const text of ['a  b   c'.repeat(30), `${'x'.repeat(76)} y`, ' lead and trail ', 'é '.repeat(100), 'word '.repeat(40)]) {
    const parsed = await PostalMime.parse(`Subject: ${encodeHeader(text)}\r\nFrom: ${encodeMailbox(text, 'a@x.example')}\r\n\r\n`);
    expect(parsed.subject?.replaceAll(/\s+/g, ' ').trim()).toBe(text.replaceAll(/\s+/g, ' ').trim());
    expect(parsed.from?.name?.replaceAll(/\s+/g, ' ').trim()).toBe(text.replaceAll(/\s+/g, ' ').trim());
  }
});

test('every attempt has the same Message-ID, and no two messages share one', async () => {
  const id = async (ordinal: number) => (await PostalMime.parse(compile({ html: unsubscribe }).render({ ordinal, customerId: 1, email: 'a@x.example', fields: new Map() }, ordinal * 1_000).bytes)).messageId;
  expect(await id(1)).toBe(await id(1));
  expect(new Set(await Promise.all([1, 2, 3, 4].map(id))).size).toBe(4);
  expect(emptyMail.mailNo).toBe(7);
});
