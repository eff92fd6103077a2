import fc from 'fast-check';
import { expect, test } from 'vitest';
import { initialConfig, shownValue, withValue } from '../../ui/src/lib/canvas/form.ts';
import { begin, record, redo, undo } from '../../ui/src/lib/canvas/timeline.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';

/** Steps back and forth on the canvas, and the forms of steps. */

test('what was changed is taken back step by step, and done again', () => {
  let line = begin('a');
  for (const [at, next] of ['b', 'c', 'd'].entries()) line = record(line, next, null, at);
  line = undo(undo(line));
  expect(line.now).toBe('b');
  expect(redo(line).now).toBe('c');
  expect(redo(redo(redo(redo(line)))).now).toBe('d');
  expect(undo(undo(undo(line))).now).toBe('a');
  const other = record(line, 'e', null, 9);
  expect([other.now, other.future]).toEqual(['e', []]);
});

test('letters typed in one go are one step back, a pause or another field begins a new one', () => {
  let line = begin('');
  for (const [at, typed] of [[0, 'H'], [200, 'He'], [900, 'Hey'], [2_500, 'Hey!']] as const) line = record(line, typed, 'send subject', at);
  line = record(line, 'Hey! x', 'send preheader', 2_600);
  expect([line.now, undo(line).now, undo(undo(line)).now, undo(undo(undo(line))).now]).toEqual(['Hey! x', 'Hey!', 'Hey', '']);
});

test('a change after undo is never merged into what was taken back', () => {
  const line = record(undo(record(record(begin('a'), 'b', 'x', 10), 'c', 'x', 20)), 'd', 'x', 30);
  expect([line.now, line.past]).toEqual(['d', ['a']]);
});

test('undo and redo are exact over any changes, and at most 200 are kept', () => {
  fc.assert(fc.property(fc.array(fc.integer(), { maxLength: 300 }), fc.nat(400), (changes, back) => {
    let line = changes.reduce((sofar, next, at) => record(sofar, { next }, null, at), begin({ next: 0 }));
    const last = line.now;
    expect(line.past.length).toBeLessThanOrEqual(200);
    for (let i = 0; i < back; i++) line = undo(line);
    for (let i = 0; i < back; i++) line = redo(line);
    expect(line.now).toBe(last);
  }));
});

test('a new step begins with what its form says it does by itself', () => {
  expect(initialConfig(nodeKinds['fixed-delay'].form)).toEqual({ duration: { amount: 1, unit: 'days' } });
  const [first, second] = [initialConfig(nodeKinds['percentage-split'].form), initialConfig(nodeKinds['percentage-split'].form)];
  expect(first).toEqual(second);
  expect(first['branches']).not.toBe(second['branches']);
});

test('a value that is taken out is not there; one that is not there shows its default', () => {
  const config = withValue({ a: 1, b: 2 }, 'a', undefined);
  expect(config).toEqual({ b: 2 });
  expect([shownValue(config, { name: 'a', default: 5 }), shownValue({ a: false }, { name: 'a', default: true }), shownValue(config, { name: 'c' })]).toEqual([5, false, undefined]);
});
