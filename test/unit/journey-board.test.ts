import fc from 'fast-check';
import { expect, test } from 'vitest';
import { begin, isDone, isIdle, musterToken, newBoard, nextDue, place, ready, REARM_MS, resume, settle, tokensOf, wake, type Arrival, type Board, type Token, type Visit } from '#domain/journey/board.ts';

const token = (node: string, due = 0): Token => ({ node, activity: 'wait', title: node, due });
const arrival = (node: string): Arrival => ({ port: 'next', node, activity: 'send', title: node, count: 1 });
const visit = (change: Partial<Visit> = {}): Visit => ({ arrivals: [], nextDue: null, paused: false, ...change });
const nodesOf = (tokens: readonly { node: string }[]) => tokens.map(({ node }) => node);

function boardWith(...tokens: readonly Token[]): Board {
  const board = newBoard();
  for (const each of tokens) place(board, each);
  return board;
}

function start(board: Board, node: string, now: number): Token {
  const found = ready(board, now).find((each) => each.node === node)!;
  begin(board, found);
  return found;
}

test('a run begins with a muster and ends when nobody stands anywhere', () => {
  const board = boardWith(musterToken);
  const muster = start(board, '*', 1_000);
  settle(board, muster, visit({ arrivals: [arrival('a'), { ...arrival('b'), due: 9_000 }] }), 1_100);
  expect(nodesOf(ready(board, 1_100))).toEqual(['a']);
  expect(nextDue(board)).toBe(1_100);
  settle(board, start(board, 'a', 1_100), visit(), 1_200);
  expect(nextDue(board)).toBe(9_000);
  settle(board, start(board, 'b', 9_000), visit(), 9_100);
  expect(isDone(board)).toBe(true);
});

test('a node is visited once at a time; who arrives meanwhile is asked after it', () => {
  const board = boardWith(token('a'), token('b'));
  const [a, b] = [start(board, 'a', 10), start(board, 'b', 10)];
  settle(board, a, visit({ arrivals: [arrival('b')] }), 50);
  expect(ready(board, 50)).toEqual([]);
  expect(nextDue(board)).toBe(null);
  settle(board, b, visit(), 60);
  expect(nextDue(board)).toBe(10 + REARM_MS);
  expect(nodesOf(ready(board, 10 + REARM_MS))).toEqual(['b']);
});

test('a wake brings a resting node forward, never back', () => {
  const board = boardWith(token('a', 100_000));
  wake(board, ['a'], 5_000);
  wake(board, ['a'], 6_000);
  expect(nextDue(board)).toBe(5_000);
});

test('a storm of wakes is one visit a second', () => {
  const board = boardWith(token('a', 0));
  let visits = 0;
  for (let now = 0; now <= 10_000; now += 10) {
    wake(board, ['a'], now);
    for (const each of ready(board, now)) {
      begin(board, each);
      visits += 1;
      settle(board, each, visit({ nextDue: 1_000_000 }), now);
    }
  }
  expect(visits).toBe(11);
});

test('a wake during a visit may have come too late for it: the node is visited again', () => {
  const board = boardWith(token('a'));
  const a = start(board, 'a', 10);
  wake(board, ['a'], 20);
  settle(board, a, visit({ nextDue: 90_000 }), 30);
  expect(nextDue(board)).toBe(10 + REARM_MS);
});

test('a wake of a node that is not on the board leads to a muster', () => {
  const board = boardWith(token('a', 90_000));
  wake(board, ['moved-here'], 500);
  expect(ready(board, 500)).toEqual([{ ...musterToken, due: 500 }]);
});

test('paused, nothing begins; what became due goes on after Resume', () => {
  const board = boardWith(token('a'), token('b', 5_000));
  settle(board, start(board, 'a', 10), visit({ paused: true }), 50);
  expect([ready(board, 99_000), nextDue(board), isDone(board)]).toEqual([[], null, false]);
  resume(board);
  expect(nodesOf(ready(board, 99_000))).toEqual(['b', 'a']);
});

test('a resume that overtakes a visit’s “paused” wins', () => {
  const board = boardWith(token('a'));
  const a = start(board, 'a', 10);
  resume(board);
  settle(board, a, visit({ paused: true }), 50);
  expect(board.paused).toBe(false);
  expect(nodesOf(ready(board, 10 + REARM_MS))).toEqual(['a']);
});

test('a step that leads to itself rests and is visited again', () => {
  const board = boardWith(token('a'));
  settle(board, start(board, 'a', 0), visit({ arrivals: [arrival('a')], nextDue: 60_000 }), 20);
  expect(nextDue(board)).toBe(REARM_MS);
});

test('the next run goes on with the same tokens', () => {
  const board = boardWith(token('a', 7_000), token('b', 3_000), token('a', 5_000));
  const next = boardWith(...tokensOf(board));
  expect(tokensOf(next)).toEqual([token('a', 5_000), token('b', 3_000)]);
  expect(JSON.parse(JSON.stringify(next))).toEqual(next);
});

/**
 * A world around a board: people as rows, visits that look at them at some moment and tell of it later, a loop like the
 * workflow's. Whatever the order, everybody with due work is visited, a second after it at the latest.
 */
interface Row { node: string; due: number; woken: boolean }
const nodes = ['a', 'b', 'c', 'd'];

const commands = fc.array(fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5_000 }) }),
  fc.record({ kind: fc.constant('wake' as const), person: fc.nat(7) }),
  fc.record({ kind: fc.constant('move' as const), person: fc.nat(7), node: fc.constantFrom(...nodes) }),
  fc.record({ kind: fc.constantFrom('act' as const, 'end' as const), visit: fc.nat(3) }),
  fc.record({ kind: fc.constant('pause' as const) }), fc.record({ kind: fc.constant('resume' as const) }), fc.record({ kind: fc.constant('again' as const) }),
), { maxLength: 80 });

const people = fc.array(fc.record({ node: fc.constantFrom(...nodes), due: fc.integer({ min: 0, max: 4_000 }) }), { minLength: 1, maxLength: 8 });
/** What each visit after the first of a person leads to: on to another node, or a rest. */
const fates = fc.array(fc.oneof(fc.constantFrom(...nodes), fc.integer({ min: 1, max: 6_000 })), { minLength: 1, maxLength: 30 });

test('whatever the order of visits, wakes, moves, pauses and resumes, nobody with due work sleeps for ever', () => {
  fc.assert(fc.property(people, fates, commands, (who, fate, orders) => {
    const rows: (Row | null)[] = who.map((person) => ({ ...person, woken: false }));
    let board = boardWith(musterToken);
    let now = 0;
    let isPaused = false;
    let moves = 0;
    const running: { token: Token; seen: Visit | null }[] = [];

    const loop = () => {
      for (const each of ready(board, now)) {
        begin(board, each);
        running.push({ token: each, seen: null });
      }
    };
    const act = (node: string): Visit => {
      if (isPaused) return visit({ paused: true });
      if (node === '*') return visit({ arrivals: [...new Set(rows.flatMap((row) => (row === null ? [] : [row.node])))].map(arrival) });
      const arrivals: Arrival[] = [];
      for (const [no, row] of rows.entries()) {
        if (row === null || row.node !== node || (row.due > now && !row.woken)) continue;
        const next = fate[moves % fate.length]!;
        row.woken = false;
        moves += 1;
        if (moves > 200) rows[no] = null;
        else if (typeof next === 'number') row.due = now + next;
        else {
          Object.assign(row, { node: next, due: now });
          arrivals.push(arrival(next));
        }
      }
      const resting = rows.flatMap((row) => (row !== null && row.node === node ? [row.due] : []));
      return visit({ arrivals, nextDue: resting.length === 0 ? null : Math.min(...resting) });
    };
    const finish = (i: number) => {
      const [{ token: done, seen }] = running.splice(i, 1) as [{ token: Token; seen: Visit | null }];
      settle(board, done, seen ?? act(done.node), now);
    };
    // As the workflow waits: until the first due time, or a change.
    const pass = (until: number) => {
      for (loop(); ; loop()) {
        const due = nextDue(board);
        if (due === null || due > until) break;
        now = Math.max(now, due);
      }
      now = until;
      loop();
    };

    for (const order of orders) {
      if (order.kind === 'wait') pass(now + order.ms);
      else if ('visit' in order) {
        const chosen = running[order.visit % Math.max(1, running.length)];
        if (chosen === undefined) continue;
        if (order.kind === 'act') chosen.seen ??= act(chosen.token.node);
        else finish(running.indexOf(chosen));
      } else if (order.kind === 'pause') isPaused = true;
      else if (order.kind === 'resume') {
        isPaused = false;
        resume(board);
      } else if (order.kind === 'again') {
        if (isIdle(board) && !isDone(board)) board = boardWith(...tokensOf(board));
      } else {
        const row = rows[order.person % rows.length] ?? null;
        if (row === null) continue;
        if (order.kind === 'move') Object.assign(row, { node: order.node, due: now });
        row.woken = true;
        if (isDone(board)) board = boardWith(musterToken);
        wake(board, [row.node], now);
      }
      loop();
    }
    if (isPaused) {
      isPaused = false;
      resume(board);
    }
    // From now on visits end at once: within two seconds nobody is due for longer than one.
    for (let step = 0; step < 25; step += 1) {
      while (running.length > 0) finish(0);
      pass(now + 100);
    }
    while (running.length > 0) finish(0);
    const late = rows.filter((row) => row !== null && (row.woken || row.due < now - REARM_MS - 100));
    expect(late).toEqual([]);
    if (rows.some((row) => row !== null)) expect(isDone(board)).toBe(false);
  }), { numRuns: 500 });
});
