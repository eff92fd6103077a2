import { expect, test } from 'vitest';
import { answered, closedBreaker, failed, verdict } from '#domain/delivery/breaker.ts';
import { classify, enhancedCode, retryDelayMs, type ReplyClass, type ReplyStage } from '#domain/delivery/reply.ts';

const cases: [ReplyStage, number, string, ReplyClass][] = [
  ['recipient', 550, '550 5.1.1 no such user', 'hard'],
  ['recipient', 550, '550 5.2.1 disabled', 'hard'],
  ['recipient', 550, '550 user unknown', 'hard'],
  ['recipient', 552, '552 5.2.2 mailbox full', 'soft'],
  ['recipient', 450, '450 4.2.1 greylisted', 'deferred'],
  ['recipient', 550, '550 go away', 'block'],
  ['message', 550, '550 user unknown', 'block'],
  ['message', 552, '552 5.3.4 too big', 'content'],
  ['message', 554, '554 5.6.0 malformed', 'content'],
  ['message', 550, '550 5.7.1 spam', 'block'],
  ['message', 421, '421 4.3.2 shutting down', 'later'],
  ['message', 454, '454 4.7.0 throttled', 'later'],
  ['sender', 550, '550 5.7.1 sender not verified', 'sender'],
  ['sender', 451, '451 later', 'later'],
  ['login', 535, '535 5.7.8 wrong password', 'login'],
  ['login', 454, '454 4.7.0 temporary', 'later'],
];

test.each(cases)('%s %i "%s" is %s', (stage, code, text, expected) => {
  expect(classify(stage, { code, text })).toBe(expected);
});

test('the enhanced code is read only where a code stands', () => {
  expect(enhancedCode('550 5.1.1 no')).toBe('5.1.1');
  expect(enhancedCode('550 version 15.1.1x')).toBeNull();
});

test('five attempts at about 0, 1, 5, 20 and 60 minutes', () => {
  const at = [0];
  for (let attempt = 1; ; attempt += 1) {
    const delay = retryDelayMs(attempt);
    if (delay === null) break;
    at.push((at.at(-1) ?? 0) + delay / 60_000);
  }
  expect(at).toEqual([0, 1, 5, 20, 60]);
});

test('twenty connection failures in a row open the breaker, an answer in between does not', () => {
  let breaker = closedBreaker;
  for (let i = 0; i < 19; i += 1) breaker = failed(breaker);
  expect(verdict(breaker)).toBeNull();
  expect(verdict(failed(answered(breaker, null)))).toBeNull();
  expect(verdict(failed(breaker))).toBe('connection_failures');
});

test('fifty policy refusals in a hundred answers open the breaker', () => {
  let breaker = closedBreaker;
  for (let i = 0; i < 49; i += 1) breaker = answered(answered(breaker, '5.7.1'), null);
  expect(verdict(breaker)).toBeNull();
  expect(verdict(answered(breaker, '5.7.1'))).toBe('policy_refusals');
});
