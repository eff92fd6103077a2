import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPart } from '#domain/content/parts.ts';
import { readSpintax, spinChoice, spinSeed } from '#domain/content/spintax.ts';
import { show } from '../support/content.ts';

/** Every text that any of many customers gets. */
function outcomes(text: string, row: Readonly<Record<string, unknown>> = {}): Set<string> {
  const seen = new Set<string>();
  for (let customer = 1; customer <= 200; customer += 1) seen.add(show({ text, utm: {} }, row, customer).text);
  return seen;
}
const htmlOutcomes = (html: string) => {
  const seen = new Set<string>();
  for (let customer = 1; customer <= 200; customer += 1) seen.add(show({ html }, {}, customer).html);
  return seen;
};

describe('choices', () => {
  test.each([
    ['{a|b|{c|d}}', ['a', 'b', 'c', 'd']],
    ['x{|!}', ['x', 'x!']],
    ['{{a|b}|c}', ['a', 'b', 'c']],
    ['{a} {} {{ "{" }} a|b', ['{a} {} { a|b']],
    ['\\{a\\|b\\} {c\\|d|e\\}}', ['{a|b} c|d', '{a|b} e}']],
    ['{Hi {{ first_name | default: "you" }}|Hello}', ['Hi Ada', 'Hello']],
    ['{% if first_name %}{a|b}{% else %}c{% endif %}', ['a', 'b']],
    ['{{% if first_name %}a{% endif %}|b}', ['a', 'b']],
    ['\\{{ first_name }}', ['{{ first_name }}']],
  ])('%s', (text, expected) => {
    expect([...outcomes(text, { first_name: 'Ada' })].sort()).toEqual([...expected].sort());
  });

  test('stand in text, alt and title, and nowhere else in HTML', () => {
    const html = '<style>a{color:{x|y}}</style><!-- {x|y} --><p class="{x|y}" title="{t|u}">{p|q}</p><img alt="{i|j}" src="https://x.example/{x|y}.png"><script>if(a){b|c}</script>';
    const seen = htmlOutcomes(html);
    expect(seen.size).toBe(8);
    for (const each of seen) {
      expect(each).toContain('<style>a{color:{x|y}}</style><!-- {x|y} --><p class="{x|y}"');
      expect(each).toMatch(/title="[tu]">[pq]<\/p><img alt="[ij]" src="https:\/\/x\.example\/\{x\|y\}\.png"><script>if\(a\)\{b\|c\}<\/script>/);
    }
  });

  test('options may hold whole elements', () => {
    expect(htmlOutcomes('{<p class="a">one</p>|<ul><li>two</li></ul>}')).toEqual(new Set(['<p class="a">one</p>', '<ul><li>two</li></ul>']));
  });

  test('are the same in the HTML and in the text made from it', () => {
    for (let customer = 1; customer <= 50; customer += 1) {
      const { html, text } = show({ html: '<head><title>{x|y}</title></head><p>{a|b|c} {d|e}</p>' }, {}, customer);
      expect(html).toContain(`<p>${text}</p>`);
    }
  });

  test('follow from mail and customer alone, and from every part of both', () => {
    const mail = { subject: '{a|b|c|d}', html: '{a|b|c|d}{e|f|g|h}' };
    const subjects = Array.from({ length: 400 }, (_, i) => show(mail, {}, i + 1).subject);
    expect(Array.from({ length: 400 }, (_, i) => show(mail, {}, i + 1).subject)).toEqual(subjects);
    expect(Array.from({ length: 400 }, (_, i) => show({ ...mail, mailNo: 8 }, {}, i + 1).subject)).not.toEqual(subjects);
    for (const letter of 'abcd') expect(subjects.filter((subject) => subject === letter).length).toBeGreaterThan(60);
  });

  test('a value that looks like a choice is text', () => {
    expect(show({ text: '{{ first_name }} {x|x}' }, { first_name: '{a|b}' }).text).toBe('{a|b} x');
  });
});

describe('what does not pair is said with its place', () => {
  const problems = (source: string, part: 'html' | 'text' = 'text') => readPart(part, source).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
  const open = 'This { is not closed. Write \\{ for a brace that means itself.';
  const close = 'This } closes nothing. Write \\} for a brace that means itself.';
  test.each([
    ['{a|b', [`1:1 ${open}`]],
    ['Hi\n  {a|{b|c}', [`2:3 ${open}`]],
    ['a|b}', [`1:4 ${close}`]],
    ['{a|b}}', [`1:6 ${close}`]],
    ['a } b {', []],
    ['{a|b} \\}', []],
  ])('%j', (source, expected) => {
    expect(problems(source)).toEqual(expected);
  });

  test('an attribute ends its choices', () => {
    expect(problems('<p>{a|b}</p>\n<img alt="{a|b" title="c}">', 'html')).toEqual([`2:11 ${open}`, `2:25 ${close}`]);
  });

  test('nor does nesting without end get through', () => {
    expect(problems('{a|'.repeat(30) + '}'.repeat(30))[0]).toMatch(/^1:\d+ Choices are nested more than 20 deep\.$/);
    expect(problems('{a|b}'.repeat(1_001))).toEqual(['1:5001 More than 1000 choices.']);
  });

  test('hundreds of kilobytes of braces are read in moments', () => {
    const startedAt = performance.now();
    for (const source of ['{', '{|', '{{', '{%', '{{"', '<a {{', '<!--', '<style>', '<a href="'].map((piece) => piece.repeat(500_000 / piece.length))) readSpintax(source, 'html');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

test('any text comes through, and every choice is one of its options', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é'), maxLength: 4 });
  const tree: fc.Arbitrary<{ source: string; results: string[] }> = fc.letrec<{ tree: { source: string; results: string[] } }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      word.map((text) => ({ source: text, results: [text] })),
      fc.array(tie('tree'), { minLength: 2, maxLength: 3 }).map((options) => ({ source: `{${options.map((option) => option.source).join('|')}}`, results: options.flatMap((option) => option.results) })),
    ),
  })).tree;
  fc.assert(fc.property(tree, fc.integer({ min: 1, max: 2 ** 53 - 1 }), ({ source, results }, customer) => {
    expect(results.map((text) => text.trim())).toContain(show({ text: `x${source}` }, {}, customer).text.slice(1).trim());
  }), { numRuns: 300 });
});

test('choices are even, whatever the numbers', () => {
  const counts = [0, 0, 0];
  for (let customer = 0; customer < 30_000; customer += 1) counts[spinChoice(spinSeed(12, customer * 1_000), 3, 3)]! += 1;
  for (const count of counts) expect(count).toBeGreaterThan(9_700);
});
