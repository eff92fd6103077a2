import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cursorsOf, giveBack, laneCount, take, type Piece, type Supply } from '#domain/campaign/ranges.ts';
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
  expect(allowedActions({ state: 'draft', archived: false }, 'member')).toEqual(['edit', 'test', 'schedule', 'launch', 'duplicate']);
  expect(allowedActions({ state: 'draft', archived: false }, 'admin')).toContain('delete');
  expect(allowedActions({ state: 'scheduled', archived: false }, 'member')).toEqual(['edit', 'unschedule', 'duplicate']);
  expect(allowedActions({ state: 'completed', archived: false }, 'member')).toEqual(['duplicate', 'archive']);
});

test('ranges cover every ordinal exactly once, each over its connection, whatever is given back', () => {
  const sizes = fc.array(fc.record({ size: fc.integer({ min: 1, max: 12_000 }), connectionNo: fc.integer({ min: 1, max: 3 }) }), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(sizes, fc.array(fc.nat(4_999), { maxLength: 6 }), (slices, unfinished) => {
    let next = 1;
    const pieces: Piece[] = slices.map(({ size, connectionNo }, i) => ({ sliceId: i + 1, connectionNo, variant: null, from: next, to: (next += size) - 1 }));
    let supply: Supply = pieces;
    const done: Piece[] = [];
    const returns = [...unfinished];
    for (const connectionNo of [1, 2, 3]) {
      for (;;) {
        const { piece, rest } = take(supply, connectionNo);
        supply = rest;
        if (piece === undefined) break;
        expect(piece.connectionNo).toBe(connectionNo);
        const undone = Math.min(returns.pop() ?? 0, piece.to - piece.from + 1);
        if (piece.to - undone >= piece.from) done.push({ ...piece, to: piece.to - undone });
        supply = giveBack(supply, { ...piece, from: piece.to - undone + 1 });
      }
    }
    expect(supply).toEqual([]);
    let reached = 1;
    for (const piece of done.sort((a, b) => a.from - b.from)) {
      expect(piece.from).toBe(reached);
      reached = piece.to + 1;
    }
    expect(reached).toBe(next);
    expect(cursorsOf(pieces, supply)).toEqual(pieces.map(({ sliceId, to }) => ({ sliceId, next: to + 1 })));
  }));
});

test('a slice begins again at the first ordinal that is left of it', () => {
  const slices: Supply = [{ sliceId: 1, connectionNo: 1, variant: null, from: 1, to: 100 }, { sliceId: 2, connectionNo: 2, variant: null, from: 101, to: 200 }];
  const left: Supply = [{ ...slices[0]!, from: 90 }, { ...slices[0]!, from: 20, to: 30 }];
  expect(cursorsOf(slices, left)).toEqual([{ sliceId: 1, next: 20 }, { sliceId: 2, next: 201 }]);
});

test('several connections share the lanes, and each has one', () => {
  expect(laneCount(1_000_000, 96)).toBe(4);
  expect(laneCount(1_000_000, 96, 2)).toBe(2);
  expect(laneCount(1_000_000, 96, 9)).toBe(1);
  expect(laneCount(100, 96)).toBe(1);
  expect(laneCount(1_000_000, 2)).toBe(2);
});
