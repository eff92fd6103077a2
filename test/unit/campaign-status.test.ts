import fc from 'fast-check';
import { expect, test } from 'vitest';
import { giveBack, laneCount, sessionsOfLane, supplyOf, take, type Range } from '#domain/campaign/ranges.ts';
import { after, allowedActions, isFinal, moves, type CampaignState } from '#domain/campaign/status.ts';

test('a campaign that has ended never moves again', () => {
  for (const state of Object.keys(moves) as CampaignState[]) if (isFinal(state)) expect(moves[state]).toEqual({});
});

test('only running campaigns pause and only paused ones resume', () => {
  expect(after('running', 'pause')).toBe('paused');
  expect(after('paused', 'resume')).toBe('running');
  expect(after('paused', 'pause')).toBeUndefined();
  expect(after('completed', 'resume')).toBeUndefined();
});

test('members may launch, only owners and admins delete drafts', () => {
  expect(allowedActions({ state: 'draft', archived: false }, 'member')).toEqual(['edit', 'test', 'launch', 'duplicate']);
  expect(allowedActions({ state: 'draft', archived: false }, 'admin')).toContain('delete');
  expect(allowedActions({ state: 'completed', archived: false }, 'member')).toEqual(['duplicate', 'archive']);
});

test('ranges cover every ordinal exactly once, whatever is given back', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 30_000 }), fc.array(fc.nat(4_999), { maxLength: 6 }), (last, unfinished) => {
    let supply = supplyOf(last);
    const done: Range[] = [];
    const returns = [...unfinished];
    for (;;) {
      const { range, rest } = take(supply);
      supply = rest;
      if (range === undefined) break;
      const undone = Math.min(returns.pop() ?? 0, range.to - range.from + 1);
      if (range.to - undone >= range.from) done.push({ from: range.from, to: range.to - undone });
      supply = giveBack(supply, { from: range.to - undone + 1, to: range.to });
    }
    const sorted = done.sort((a, b) => a.from - b.from);
    let next = 1;
    for (const range of sorted) {
      expect(range.from).toBe(next);
      next = range.to + 1;
    }
    expect(next).toBe(last + 1);
  }));
});

test("lanes share the connection's sessions and none goes without", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000_000 }), (parallel, recipients) => {
    const lanes = laneCount(recipients, parallel);
    const shares = Array.from({ length: lanes }, (_, i) => sessionsOfLane(parallel, lanes, i));
    expect(shares.reduce((a, b) => a + b, 0)).toBe(parallel);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
  }));
});
