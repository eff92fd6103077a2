import { describe, expect, test } from 'vitest';
import { compileLinkTarget, linkTargetProblem } from '#domain/content/link-target.ts';
import { completeUtm, prepareLinks } from '#domain/content/links.ts';
import { compile, send, show, testIds } from '../support/content.ts';

const utm = { utm_source: 'acme', utm_medium: 'email' };
const urls = (html: string, text = '') => prepareLinks(html, text, utm).links.map((link) => link.url);
const go = (template: string, fields: Readonly<Record<string, string | null>>) => compileLinkTarget(template)(new Map(Object.entries(fields)));

describe('which links are led over us, with UTM', () => {
  test.each([
    ['<a href="https://x.example/">', ['https://x.example/?utm_source=acme&utm_medium=email']],
    ["<A class='b' HREF = 'http://x.example/a?b=1&amp;c=2#d'>", ['http://x.example/a?b=1&c=2&utm_source=acme&utm_medium=email#d']],
    ['<a href=https://x.example/unquoted>', ['https://x.example/unquoted?utm_source=acme&utm_medium=email']],
    ['<area href="https://x.example/map">', ['https://x.example/map?utm_source=acme&utm_medium=email']],
    ['<!--[if mso]><v:roundrect href="https://x.example/mso"><![endif]-->', ['https://x.example/mso?utm_source=acme&utm_medium=email']],
    ['<a href="https://x.example/?utm_source=own&amp;utm_medium">', ['https://x.example/?utm_source=own&utm_medium']],
    ['<a href="https://x.example/?for={{ email }}#top">', ['https://x.example/?for={{ email }}&utm_source=acme&utm_medium=email#top']],
    ['<a href="https://x.example/{{ custom.slug | default: "a?b#c" }}">', ['https://x.example/{{ custom.slug | default: "a?b#c" }}?utm_source=acme&utm_medium=email']],
    ['<a href="{{ custom.page }}">', ['{{ custom.page }}?utm_source=acme&utm_medium=email']],
    ['<a href="https://{{ custom.shop }}.example.com/">', ['https://{{ custom.shop }}.example.com/?utm_source=acme&utm_medium=email']],
    ['<a href="mailto:a@x.example"><a href="tel:+49"><a href="#top"><a href="">', []],
    ['<a href="{{ unsubscribe_url }}"><a href="{{preferences_url}}"><a href="{{ web_version_url }}">', []],
    ['<a data-track="off" href="https://x.example/off">', []],
    ['<a href="https://shop.example{{ custom.x }}/"><a href="https://{{ custom.host }}/">', []],
    ['<a href="javascript:alert(1)"><a href="//x.example/">', []],
    ['<!-- <a href="https://x.example/comment"> --><style>a{b:"<a href=https://x.example/>"}</style>', []],
    ['<img src="https://x.example/a.png"><link href="https://x.example/a.css">', []],
  ])('%s', (html, expected) => {
    expect(urls(html)).toEqual(expected);
  });

  test('in texts too, without the punctuation around them, and once for both', () => {
    const { links, text } = prepareLinks('<a href="https://x.example/a">A</a>', 'See https://x.example/a, (https://x.example/b). https://x.example/?for={{ email }}! {{ unsubscribe_url }}', {});
    expect(links.map((link) => link.url)).toEqual(['https://x.example/a', 'https://x.example/b', 'https://x.example/?for={{ email }}']);
    expect(text.replaceAll(/\uE000(\d)\uE001/g, '[$1]')).toBe('See [0], ([1]). [2]! {{ unsubscribe_url }}');
  });

  test('a link that is exempt in the HTML is so in the text', () => {
    expect(urls('<a href="https://x.example/off" data-track=off>', 'https://x.example/off https://x.example/on')).toEqual(['https://x.example/on?utm_source=acme&utm_medium=email']);
  });

  test('the text made from the HTML has its links', () => {
    const html = '<p>Look <a href="https://x.example/a?b=1&amp;c=2">here</a> or at <a href="https://x.example/">https://x.example/</a>, <a href="#top">up</a>, <a href="{{ unsubscribe_url }}">leave</a></p>';
    const { text } = show({ html, tracking: { opens: false, clicks: true } }, {}, 1, {});
    expect(text.replaceAll(/https:\/\/app\.example\/api\/track\/(\w+)\/[\w-]{22}/g, '<$1>')).toBe('Look here (<click>) or at <click>, up, leave (<unsubscribe>)');
  });
});

describe('a person’s values in an address', () => {
  test.each([
    ['https://x.example/?for={{ v }}&b=1', 'Ada & Bob=?#/', 'https://x.example/?for=Ada%20%26%20Bob%3D%3F%23%2F&b=1'],
    ['https://x.example/{{ v }}/p', 'a/../../b', 'https://x.example/a%2F..%2F..%2Fb/p'],
    ['https://x.example/u/{{ v }}/p', '..', 'https://x.example/u//p'],
    ['https://x.example/u/{{ v }}/p', '%2e%2e', 'https://x.example/u/%252e%252e/p'],
    ['https://x.example/?a={{ v }}', '\r\nLocation: https://evil.example', 'https://x.example/?a=Location%3A%20https%3A%2F%2Fevil.example'],
    ['https://{{ v }}.example.com/', 'shop-2', 'https://shop-2.example.com/'],
    ['https://{{ v }}.example.com/', 'evil.example/', null],
    ['https://{{ v }}.example.com/', 'evil.example#', null],
    ['https://{{ v }}.example.com/', 'a@evil', null],
    ['https://{{ v }}.example.com/', '', null],
    ['{{ v }}', 'https://x.example/a?b=1', 'https://x.example/a?b=1'],
    ['{{ v }}?utm_source=acme&b=2', 'https://x.example/a?b=1#c', 'https://x.example/a?b=1&utm_source=acme#c'],
    ['{{ v }}?utm_source=acme', 'https://x.example/a', 'https://x.example/a?utm_source=acme'],
    ['{{ v }}', 'javascript:alert(1)', null],
    ['{{ v }}', ' java\nscript:alert(1)', null],
    ['{{ v }}', 'data:text/html,x', null],
    ['{{ v }}', '//evil.example', null],
    ['{{ v }}', '/path', null],
    ['{{ v }}', 'https://shop.example@evil.example/', null],
    ['{{ v }}', 'https://x.example/\r\nSet-Cookie: a', 'https://x.example/Set-Cookie:%20a'],
    ['{{ v }}', '', null],
    ['{{ v | default: "https://x.example/start" }}', '', 'https://x.example/start'],
    ['https://x.example/{% if v == "vip" %}club{% else %}shop{% endif %}?utm_source=acme', 'vip', 'https://x.example/club?utm_source=acme'],
    ['https://x.example/?q={{ v }}', '\uD800', 'https://x.example/?q=%EF%BF%BD'],
  ])('%s of %j', (template, v, expected) => {
    const url = go(template, { v });
    expect(url).toBe(expected);
    if (url !== null) expect(url).toMatch(/^https:\/\/[\x21-\x7e]+$/);
  });

  test.each([
    ['https://x.example/{{ a }}', null], ['https://{{ a }}.x.example:8080/?b={{ c }}', null], ['{{ a }}/b', null],
    ['https://{{ a }}/', 'host'], ['https://x.example{{ a }}/', 'host'], ['https://x.{{ a }}', 'host'], ['https://{{ a }}.com', 'host'], ['ftp://{{ a }}', 'address'],
  ])('%s may hold it: %s', (template, problem) => {
    expect(linkTargetProblem(template) === null).toBe(problem === null);
  });
});

test('each link has an id of its own, that names it', () => {
  const html = '<a href="https://x.example/?for={{ email }}">a</a><a href="{{ custom.page }}">b</a>';
  const mail = compile({ html, utm }, { firstLink: 5 });
  expect(mail.urls).toEqual(['https://x.example/?for={{ email }}&utm_source=acme&utm_medium=email', '{{ custom.page }}?utm_source=acme&utm_medium=email']);
  const { html: shown } = mail.show({ ordinal: 9, customerId: 1, email: 'a@x.example', fields: new Map() }, 0);
  const ids = [...shown.matchAll(/click\/([\w-]{22})/g)].map((match) => testIds.read(match[1] ?? '', 'click')?.link);
  expect(ids).toEqual([5, 6]);
});

test('without tracking links lead straight to where her values say', () => {
  const html = '<a href="https://x.example/?for={{ email }}&amp;x=1">a</a><a href="{{ custom.page }}">b</a><a href="https://x.example/?a=1&amp;b=2">c</a>';
  const row = { email: 'a&b"@x.example', custom: { page: 'javascript:alert(1)' } };
  expect(show({ html, utm: { utm_source: 'acme' } }, row).html).toBe('<a href="https://x.example/?for=a%26b%22%40x.example&amp;x=1&amp;utm_source=acme">a</a><a href="#">b</a><a href="https://x.example/?a=1&amp;b=2&amp;utm_source=acme">c</a>');
  expect(send({ html }, row, {}, { test: true }).toString('latin1')).not.toContain('/click/');
});

test('UTM of a campaign: what is not set has its default, what is set to nothing is left out', () => {
  const campaign = { orgSlug: 'acme', name: ' Frühling & Café 2026! ', variant: 'B' };
  expect(completeUtm({}, campaign)).toEqual({ utm_source: 'acme', utm_medium: 'email', utm_campaign: 'fruhling-cafe-2026', utm_content: 'B' });
  expect(completeUtm({ utm_medium: '', utm_term: 'x y' }, campaign)).toMatchObject({ utm_medium: '', utm_term: 'x y' });
  expect(completeUtm({ off: 'true' }, campaign)).toEqual({});
  expect(prepareLinks('<a href="https://x.example/">', '', completeUtm({ utm_medium: '', utm_term: 'x y' }, campaign)).links[0]?.url)
    .toBe('https://x.example/?utm_source=acme&utm_campaign=fruhling-cafe-2026&utm_content=B&utm_term=x%20y');
});
