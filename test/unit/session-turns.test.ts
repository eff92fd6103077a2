import { expect, test } from 'vitest';
import { SessionPool, type Sender } from '../../infra/mail/pool.ts';
import type { SessionShare } from '../../infra/mail/session-share.ts';

/** How the runs of one process divide the sessions of a connection. */

const pool = (sessions: number) => new SessionPool(() => Promise.reject(new Error('nothing is opened here')), { sessions } as SessionShare);
const sender = (mailNo: number, demand = 1_000): Sender => ({ mailNo, demand, look: () => undefined });
const join = (to: SessionPool, runs: readonly Sender[]) => runs.forEach((run) => to.join(run));
const sharesAt = (of: SessionPool, runs: readonly Sender[], now: number) => runs.map((run) => of.shareOf(run, now));
const sum = (shares: readonly number[]) => shares.reduce((total, share) => total + share, 0);

test('one mail has all sessions: its first run what it can use, the next what is left', () => {
  const runs = [sender(1, 40), sender(1), sender(1)];
  const of = pool(48);
  join(of, runs);
  expect(sharesAt(of, runs, 0)).toEqual([40, 8, 0]);
});

test('mails share evenly while a share is worth having', () => {
  const runs = [sender(1), sender(2), sender(2), sender(3)];
  const of = pool(150);
  join(of, runs);
  expect(sharesAt(of, runs, 0)).toEqual([50, 50, 0, 50]);
});

test('of many mails a few send at a time, each has its turn within seconds, and never more than there are', () => {
  const runs = Array.from({ length: 16 }, (_, i) => sender(i));
  const of = pool(96);
  join(of, runs);
  const had = new Set<number>();
  for (let second = 0; second < 8; second += 1) {
    const shares = sharesAt(of, runs, second * 1_000);
    expect(sum(shares)).toBe(96);
    expect(shares.filter((share) => share > 0)).toEqual([48, 48]);
    shares.forEach((share, i) => { if (share > 0) had.add(i); });
  }
  expect(had.size).toBe(16);
});

test('what one whose turn it is cannot use goes to the next', () => {
  const runs = [sender(1, 2), sender(2, 0), ...Array.from({ length: 8 }, (_, i) => sender(i + 3))];
  const of = pool(24);
  join(of, runs);
  expect(sharesAt(of, runs, 0).slice(0, 5)).toEqual([2, 0, 22, 0, 0]);
});

test('who needs no more than an even share waits for no turn', () => {
  const runs = [sender(1), sender(2), sender(3, 1), sender(4)];
  const of = pool(48);
  join(of, runs);
  for (let second = 0; second < 4; second += 1) {
    const shares = sharesAt(of, runs, second * 1_000);
    expect(shares[2]).toBe(1);
    expect(sum(shares)).toBe(48);
  }
});

test('of more small ones than there are sessions nobody is left out for long, and never more are held', () => {
  const runs = Array.from({ length: 6 }, (_, i) => sender(i, 1));
  const of = pool(4);
  join(of, runs);
  const had = new Set<number>();
  for (let second = 0; second < 6; second += 1) {
    const shares = sharesAt(of, runs, second * 1_000);
    expect(sum(shares)).toBe(4);
    shares.forEach((share, i) => { if (share > 0) had.add(i); });
  }
  expect(had.size).toBe(6);
});

test('with fewer sessions than mails everybody has a turn', () => {
  const runs = [sender(1), sender(2), sender(3)];
  const of = pool(1);
  join(of, runs);
  expect([0, 1_000, 2_000].map((now) => sharesAt(of, runs, now).indexOf(1)).sort()).toEqual([0, 1, 2]);
  expect(sharesAt(pool(0), runs, 0)).toEqual([0, 0, 0]);
});
