import { describe, expect, test } from 'vitest';
import { agreementTo, readSubmission, readTyped } from '../../api/forms/submission.ts';
import type { Widgets } from '../../api/forms/widgets.ts';
import { networkOf } from '../../api/http/limits.ts';
import { multiline, paragraphs } from '../../api/http/page.ts';

describe('texts on public pages', () => {
  test.each([
    ['a < b & "c" \'d\'', 'a &lt; b &amp; &quot;c&quot; &#39;d&#39;'],
    ['one\ntwo\r\nthree', 'one<br>two<br>three'],
    ['See https://x.example/a?b=1&c=2.', 'See <a href="https://x.example/a?b=1&amp;c=2" target="_blank" rel="noopener nofollow">https://x.example/a?b=1&amp;c=2</a>.'],
    ['(https://x.example)', '(<a href="https://x.example" target="_blank" rel="noopener nofollow">https://x.example</a>)'],
    ['https://x.example/"onclick="y', '<a href="https://x.example/" target="_blank" rel="noopener nofollow">https://x.example/</a>&quot;onclick=&quot;y'],
    ['javascript:alert(1)', 'javascript:alert(1)'],
  ])('%j', (text, html) => {
    expect(multiline(text)).toBe(html);
  });

  test('empty lines part paragraphs', () => {
    expect(paragraphs(' one\n\n \ntwo\nmore\n\n')).toBe('<p>one</p><p>two<br>more</p>');
    expect(paragraphs(' \n ')).toBe('');
  });
});

test.each([
  ['192.0.2.7', '192.0.2.7'], ['::ffff:192.0.2.7', '::ffff:192.0.2.7'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'], ['2001:db8:1:2::9', '2001:db8:1:2'], ['2001:db8::9', '2001:db8:0:0'], ['::1', '0:0:0:0'], [undefined, ''],
])('limits know %s as %s', (ip, network) => {
  expect(networkOf(ip)).toBe(network);
});

describe('a submission', () => {
  const widgets: Widgets = new Map([
    ['first_name', { type: 'text', attributes: {} }], ['custom.seats', { type: 'number', attributes: {} }], ['custom.vegan', { type: 'boolean', attributes: {} }],
  ]);
  const fields = [{ field: 'first_name', label: 'First name', required: false }, { field: 'custom.seats', label: 'Seats', required: false }, { field: 'custom.vegan', label: 'Vegan', required: true }, { field: 'custom.gone', label: 'Gone', required: true }];
  const read = (values: Readonly<Record<string, unknown>>, consentText = '') => readSubmission({ fields, consentText }, widgets, readTyped(values), 'UTC');
  const errorsOf = (values: Readonly<Record<string, unknown>>, consentText = '') => {
    const result = read(values, consentText);
    return 'errors' in result ? [...result.errors.keys()] : [];
  };
  const fine = { email: 'Ada@Example.com ', 'custom.vegan': 'true' };

  test('holds what the form asks for and nothing else; a field that is gone is not asked for', () => {
    expect(read({ ...fine, first_name: ' Ada ', 'custom.seats': '', surprise: 'x', __proto__: { polluted: 'x' } })).toEqual({ email: { shown: 'Ada@Example.com', key: 'ada@example.com' }, answers: { first_name: 'Ada', 'custom.vegan': 'true' } });
  });

  test('of a name given twice the first counts, what is no text is nothing', () => {
    expect(read({ ...fine, first_name: ['Ada', 'Bob'] })).toMatchObject({ answers: { first_name: 'Ada' } });
    expect(errorsOf({ email: { $ne: '' }, 'custom.vegan': 'true' })).toEqual(['email']);
  });

  test.each([
    [{ ...fine, email: '' }, '', ['email']], [{ ...fine, email: 'ada@' }, '', ['email']], [{ ...fine, 'custom.seats': '1,5' }, '', ['custom.seats']], [{ email: 'ada@example.com' }, '', ['custom.vegan']],
    [{ ...fine, first_name: 'x'.repeat(1_001) }, '', ['first_name']], [{ ...fine, first_name: 'a\u0000b' }, '', ['first_name']], [fine, 'I agree', ['consent']], [{ ...fine, consent: agreementTo('I agree') }, 'I agree', []], [{ ...fine, consent: agreementTo('I agree to less') }, 'I agree', ['consent']],
  ])('%j under %j has %j wrong', (values, consentText, wrong) => {
    expect(errorsOf(values, consentText)).toEqual(wrong);
  });
});
