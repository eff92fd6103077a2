import { describe, expect, test } from 'vitest';
import { sayProblem } from '#domain/content/check.ts';
import { checkWritten, expandMarkup, toHtml } from '../../infra/mail/mjml.ts';
import { emptyMail, show } from '../support/content.ts';

const body = (inner: string, head = '') => `<mjml>\n${head}<mj-body>\n${inner}\n</mj-body>\n</mjml>`;
const text = (inner: string) => body(`<mj-section><mj-column><mj-text>${inner}</mj-text></mj-column></mj-section>`);
const problems = async (source: string) => (await toHtml(source)).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);

test('MJML is compiled; tags, choices and conditions come through and work', async () => {
  const source = body(`<mj-raw>{% if score < 5 %}</mj-raw>
    <mj-section><mj-column>
      <mj-text>{Hi|Hello} {{ first_name | default: "<you>" }}, {% if city == "Rome" and score < 50 %}ciao{% endif %}</mj-text>
      <mj-button href="https://x.shop/?for={{ email }}&amp;a=1">{Buy|Get}</mj-button>
      <mj-image src="https://x.shop/a.png" alt="{one|two}" href="{{ custom.page }}"></mj-image>
      <mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
    </mj-column></mj-section>
    <mj-raw>{% endif %}</mj-raw>`, '<mj-head><mj-preview>Look, {{ first_name }}</mj-preview><mj-style>.a { color: red }</mj-style></mj-head>');
  const { html, isMjml, problems: none } = await toHtml(source);
  expect([isMjml, none]).toEqual([true, []]);
  const shown = show({ html }, { first_name: 'Ada', city: 'Rome', score: 4, email: 'a@x.example', custom: { page: 'https://ada.example/' } });
  expect(shown.html).toMatch(/(Hi|Hello) Ada, ciao/);
  expect(shown.html).toContain('href="https://x.shop/?for=a%40x.example&amp;a=1"');
  expect(shown.html).toContain('href="https://ada.example/"');
  expect(shown.html).toMatch(/alt="(one|two)"/);
  expect(shown.html).toContain('.a { color: red }');
  expect(shown.html).not.toContain('fonts.googleapis.com');
  expect(shown.text.trim()).toMatch(/^(Hi|Hello) Ada, ciao\n+(Buy|Get) \(https:\/\/x\.shop\/\?for=a%40x\.example&a=1\)/);
  expect(show({ html }, { score: 9 }).html).not.toMatch(/Hi|Hello/);
});

test('attributes come through letter by letter', async () => {
  const alt = `"q" 'a' C:\\x \\{no\\} 👩‍👩‍👧 é\u0301\tعربي &amp; {{ first_name | default: "x" }} mark0z`;
  const { html, problems: none } = await toHtml(body(`<mj-section><mj-column><mj-image src='https://x.shop/ä.png' alt='${alt.replaceAll("'", '&#39;')}'/><mj-text>Text “${alt}”</mj-text></mj-column></mj-section>`));
  expect(none).toEqual([]);
  expect(html).toContain(`alt="${alt.replaceAll("'", '&#39;').replace('"q"', '&quot;q&quot;')}"`);
  expect(html).toContain('src="https://x.shop/ä.png"');
  expect(html).toContain(`Text “${alt}”`);
});

test('HTML is left alone, whatever it says about MJML', async () => {
  for (const source of ['<p>x</p>', '<p>&lt;mjml></p>', '<!-- <mjml> --><p>x</p>', '', '<p><mjml></mjml></p>']) expect(await toHtml(source)).toEqual({ html: source, isMjml: false, problems: [] });
});

describe('what is wrong is said with its place', () => {
  test.each([
    [body('<mj-sektion></mj-sektion>'), '3:1 There is no element mj-sektion.'],
    [body('<mj-section><mj-text>x</mj-text></mj-section>'), '3:13 mj-text may not stand in mj-section; it belongs into mj-column or mj-hero.'],
    [body('<mj-section><mj-column>\n  <mj-text>x</mj-column></mj-section>'), '4:3 <mj-text> is not closed before </mj-column>.'],
    [body('{% if score > 5 %}<mj-section></mj-section>{% endif %}'), '3:1 Text between elements is lost. Put it into mj-text, and conditions around elements into mj-raw.'],
    [body('<mj-include path="/etc/passwd" />'), '3:1 Includes are not supported: there are no files beside a mail. Put the content here.'],
    ['<mjml><mj-body>', '1:7 <mj-body> is not closed.'],
    [text('a < b'), '3:35 This cannot be read: an element is not closed, or a < stands where none may. Write &lt; for a sign.'],
    [text(`${'<div>'.repeat(60_000)}${'</div>'.repeat(60_000)}`), '1:1 It is nested too deep.'],
  ])('%#', async (source, expected) => {
    expect(await problems(source)).toContain(expected);
    await expect(expandMarkup({ variants: [{ ...emptyMail, html: source }], hasExperiment: false })).rejects.toMatchObject({ code: 'invalid' });
  });

  test('after one that overflows the next is compiled', async () => {
    await toHtml(text('<b>'.repeat(100_000)));
    expect((await toHtml(text('fine'))).html).toContain('fine');
  });

  test('tags and links are looked for in what was written', async () => {
    const source = body('<mj-section><mj-column>\n<mj-text>{{ nothing }} {a|b</mj-text>\n<mj-button href="x.shop">Go</mj-button></mj-column></mj-section>');
    const { errors } = await checkWritten({ subject: '', preheader: '', fromName: '', text: '', html: source }, { customKeys: new Set(), at: 'launch' });
    expect(errors.map(sayProblem)).toEqual([
      'Line 4, column 24: This { is not closed. Write \\{ for a brace that means itself.',
      'Line 4, column 10: There is no field nothing. Correct the name, or give a default: {{ nothing | default: "…" }}.',
      'The HTML needs a link to {{ unsubscribe_url }}.',
      'Line 5, column 18: x.shop has no https:// in front, so it leads nowhere from a mail.',
    ]);
  });
});
