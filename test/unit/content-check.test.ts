import { describe, expect, test } from 'vitest';
import { checkMail, sayProblem, type CheckContext, type ContentProblem } from '#domain/content/check.ts';
import type { MailContent } from '#domain/content/parts.ts';

const long = 'A text that is long enough to be read while pictures are off, with what matters said in words. '.repeat(2);
const unsubscribe = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>';
function check(content: Partial<MailContent>, context: Partial<CheckContext> = {}) {
  const report = checkMail({ subject: '', preheader: '', fromName: '', html: '', text: '', ...content }, { customKeys: new Set(['plan', 'größe']), at: 'launch', ...context });
  const words = (problems: readonly ContentProblem[]) => problems.map((problem) => `${problem.field}: ${sayProblem(problem)}`);
  return { errors: words(report.errors), warnings: words(report.warnings), paths: report.paths };
}
const inHtml = (html: string) => check({ html: html + long + unsubscribe });

test('a good mail has nothing said against it', () => {
  const html = `<body style="background:#f4f4f4"><table bgcolor="#ffffff"><tr><td style="color:#333"><img src="https://x.example/a.png" alt=""><p>{Hi|Hello} {{ first_name | default: "you" }}, {{ custom.größe }}</p>${long}<a href="https://x.shop/?for={{ email }}">Look</a> <a href="#top">up</a><a name="top"></a>
    ${unsubscribe} {{ organization.address }} {{ now | date: "%Y" }} {{ campaign.name }} <a href="{{ preferences_url }}">Choose</a> <a href="{{ web_version_url }}">Web</a></td></tr></table></body>`;
  expect(check({ subject: 'New shoes for {{ city | default: "you" }}', fromName: 'Shop', html, text: 'Bye {{unsubscribe_url}}' })).toMatchObject({ errors: [], warnings: [] });
});

describe('errors', () => {
  test.each([
    ['<p>No way out</p>', 'html: The HTML needs a link to {{ unsubscribe_url }}.'],
    [`${unsubscribe}{a|b`, 'html: Line 1, column 48: This { is not closed. Write \\{ for a brace that means itself.'],
    [`${unsubscribe}\n{{ custom.nothing }}`, 'html: Line 2, column 1: There is no field custom.nothing. Correct the name, or give a default: {{ custom.nothing | default: "…" }}.'],
    [`${unsubscribe}{% if nothing %}x{% endif %}`, 'html: Line 1, column 48: There is no field nothing. Correct the name, or give a default: {{ nothing | default: "…" }}.'],
    [`${unsubscribe}{a{% if city %}|b{% endif %}}`, 'html: Line 1, column 63: A choice {…|…} and a condition overlap: close each {% if %} in the option in which it begins.'],
    [`${unsubscribe}<a href="www.x.shop">`, 'html: Line 1, column 57: www.x.shop has no https:// in front, so it leads nowhere from a mail.'],
    [`${unsubscribe}<a href="https://x .shop/a">`, 'html: Line 1, column 57: https://x .shop/a cannot be opened. Correct the address.'],
    [`${unsubscribe}<a href="http:/x.shop">`, 'html: Line 1, column 57: http:/x.shop cannot be opened. Correct the address.'],
    [`${unsubscribe}<a href="javascript:alert(1)">`, 'html: Line 1, column 57: Mail programs do not open javascript: links.'],
    [`${unsubscribe}<a href="https://{{ city }}/">`, 'html: Line 1, column 57: A tag stands where the domain is named, so the link could lead anywhere. Put the domain in words: https://{{ custom.shop }}.example.com/.'],
  ])('%s', (html, expected) => {
    expect(check({ html }).errors).toContain(expected);
  });

  test('a text of its own needs the link too; one in a subject is named by its character', () => {
    expect(check({ subject: 'Hi {{ nam }}', text: 'Hi', html: unsubscribe }).errors).toEqual(['subject: Character 4: There is no field nam. Correct the name, or give a default: {{ nam | default: "…" }}.', 'text: The text needs {{ unsubscribe_url }} too.']);
  });

  test('an unknown field is a warning while a draft is saved', () => {
    const { errors, warnings } = check({ subject: '{{ nam }}' }, { at: 'save' });
    expect([errors.length, warnings.length]).toEqual([0, 1]);
  });

  test('more links than ids can name', () => {
    expect(inHtml(Array.from({ length: 4_097 }, (_, i) => `<a href="https://x.shop/${i}">`).join('')).errors).toContain('html: More than 4095 different links; no more can be told apart.');
  });
});

describe('warnings', () => {
  test.each([
    ['<a href="">', 'Line 1, column 10: This link leads nowhere. Give it an address.'],
    ['<a href=" # ">', 'Line 1, column 10: This link leads nowhere. Give it an address.'],
    ['<a href="#nowhere">', 'Line 1, column 10: There is no place #nowhere in this mail.'],
    ['<a href="https://example.com/">', 'Line 1, column 10: This link still leads to https://example.com/.'],
    ['x'.repeat(103 * 1_024), 'The HTML has 104 kB. Gmail cuts off what is above 102 kB, the unsubscribe link too.'],
    ['\n<img src="https://x.shop/a.png">', 'A picture has no alt text, which is all that is seen while pictures are off (line 2).'],
    ['<p style="color:#ccc">Grey</p>', 'Text in #cccccc on #ffffff can hardly be read (line 1).'],
    ['<table bgcolor="navy"><td style="background-color:#222"><p style="color: #333 !important">Dark</p>', 'Text in #333333 on #222222 can hardly be read (line 1).'],
    ['<p style="font-size:8px">Small</p>', 'Text of 8 px is too small to read on a phone (line 1).'],
    ['<p>Buy now!!!!</p>', 'Rows of exclamation marks look like spam. One is enough.'],
    ['<p>Act now: get rich, free money, guaranteed, no risk</p>', 'Filters distrust texts with “act now”, “free money”, “get rich”, “guaranteed”, “no risk”. Say some of it in other words.'],
  ])('%s', (html, expected) => {
    expect(inHtml(html)).toMatchObject({ errors: [], warnings: [`html: ${expected}`] });
  });

  test.each([
    ['color of a class is not known', '<style>.x{background:#000}</style><p class="x"><span style="color:#fff">White</span></p>'],
    ['a picture lies behind', '<td background="a.png"><p style="color:#fff">White</p></td>'],
    ['nobody sees it', '<div style="display:none;font-size:1px;color:#fff">Preview</div>'],
    ['it is white on black', '<table bgcolor="#000000"><tr><td><br><p style="color:#fff">White</td></tr></table>'],
  ])('nothing is said when %s', (_, html) => {
    expect(inHtml(html).warnings).toEqual([]);
  });

  test('a mail of pictures', () => {
    expect(check({ html: `<img src="a.png" alt="Sale">${unsubscribe}` }).warnings).toEqual(['html: Nearly all of it is pictures. Filters distrust such mail, and nothing is left while pictures are off: say the main things in words.']);
  });

  test.each([
    ['BIG SALE TODAY', ['subject: The subject is all capitals. Filters and readers take it for shouting.']],
    ['Sale!!! A free gift', ['subject: Rows of exclamation marks look like spam. One is enough.', 'subject: Filters distrust “free gift” in a subject. Say it in other words.']],
    ['NASA', []], ['春の新商品が入荷しました', []], ['{{ first_name }}, {HELLO|GOOD DAY} {{ city }}', ['subject: The subject is all capitals. Filters and readers take it for shouting.']],
  ])('subject %s', (subject, expected) => {
    expect(check({ subject }).warnings).toEqual(expected);
  });
});

test('fields a mail reads are named once, those in conditions and defaults too', () => {
  expect(check({ subject: '{{ first_name | default: city }}', html: '{% if score > 5 and custom.plan == "pro" %}{a|{{ city }}}{% endif %}' }).paths).toEqual(['first_name', 'city', 'score', 'custom.plan']);
});
