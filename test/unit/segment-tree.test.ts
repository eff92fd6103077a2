import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Rule, RuleNode } from '../../ui/src/lib/api/types.ts';
import { above, below, fromText, move, nodeAt, toText, type Path } from '../../ui/src/lib/segment/tree.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

const leaf = (name: string): RuleNode => ({ field: name, operator: 'is_set' });
const group = (...parts: RuleNode[]): Rule => ({ op: 'and', parts });
/** The tree as one reads it: a b (c d) e. */
const read = (node: RuleNode): string => ('parts' in node ? `(${node.parts.map(read).join(' ')})` : 'field' in node ? node.field : '?');
const tree = () => group(leaf('a'), group(leaf('b'), leaf('c')), leaf('d'));

test('a path and its text say the same', () => {
  expect(toText([0, 12, 3])).toBe('rule.parts[0].parts[12].parts[3]');
  for (const [text, path] of [['rule.parts[1].parts[0].value', [1, 0]], ['rule.parts[2]', [2]], ['rule', []], ['name', []]] as const) expect(fromText(text)).toEqual(path);
});

describe('one step', () => {
  test.each<[string, Path, 'up' | 'down', string | null]>([
    ['past a neighbour', [1, 1], 'up', '(a (c b) d)'],
    ['into the group above, at its end', [2], 'up', '(a (b c d))'],
    ['out of its group', [1, 0], 'up', '(a b (c) d)'],
    ['not beyond the top', [0], 'up', null],
    ['into the group below, at its start', [0], 'down', '((a b c) d)'],
    ['past a neighbour, down', [1, 0], 'down', '(a (c b) d)'],
    ['out of its group, down', [1, 1], 'down', '(a (b) c d)'],
    ['not beyond the end', [2], 'down', null],
    ['a whole group', [1], 'down', '(a d (b c))'],
  ])('%s', (_, path, direction, expected) => {
    const rule = tree();
    const to = direction === 'up' ? above(rule, path) : below(rule, path);
    if (to === null) return expect(expected).toBeNull();
    const moved = nodeAt(rule, path);
    const arrived = move(rule, path, to);
    expect(read(rule)).toBe(expected);
    expect(nodeAt(rule, arrived!)).toBe(moved);
  });
});

test('nothing moves into itself or out of the tree', () => {
  const rule = tree();
  for (const [from, to] of [[[1], [1, 0]], [[], [0]], [[0], []], [[0], [2, 0]], [[9], [0]]] as const) expect(move(rule, from, to)).toBeNull();
  expect(read(rule)).toBe('(a (b c) d)');
});

test(`whatever is moved anywhere, nobody is lost or doubled, and steps down undo steps up (seed ${seed})`, () => {
  const node: fc.Arbitrary<RuleNode> = fc.letrec<{ node: RuleNode }>((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, fc.constant(null).map(() => leaf('x')), fc.array(tie('node'), { maxLength: 4 }).map((parts) => group(...parts))),
  })).node;
  const path = fc.array(fc.nat(4), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(fc.array(node, { maxLength: 4 }), path, path, fc.array(fc.boolean(), { maxLength: 12 }), (parts, from, to, steps) => {
    const rule = group(...parts);
    const count = (of: RuleNode): number => ('parts' in of ? 1 + of.parts.reduce((sum, part) => sum + count(part), 0) : 1);
    const before = count(rule);
    const moved = nodeAt(rule, from);
    const arrived = move(rule, from, to);
    expect(count(rule)).toBe(before);
    if (arrived !== null) expect(nodeAt(rule, arrived)).toBe(moved);
    let at: Path = arrived ?? from;
    if (nodeAt(rule, at) === undefined) return;
    for (const up of steps) {
      const still = read(rule);
      const next = up ? above(rule, at) : below(rule, at);
      if (next === null) continue;
      const place = move(rule, at, next)!;
      const back = up ? below(rule, place) : above(rule, place);
      expect(back).not.toBeNull();
      at = move(rule, place, back!)!;
      expect(read(rule)).toBe(still);
      at = move(rule, at, (up ? above(rule, at) : below(rule, at))!)!;
    }
    expect(count(rule)).toBe(before);
  }), { seed, numRuns: 500 });
});
