import { expect, test } from 'vitest';
import type { CustomField } from '#domain/customer/fields.ts';
import { addTo, clicked, condition, exit, holdout, holds, inSegment, opened, send, split, timeWindow, untilDate, update, wait, waitFor, webhook } from '../support/journey-dsl.ts';
import { journey } from '../support/journey-run.ts';

const fields: readonly CustomField[] = [
  { no: 1, key: 'trial_ends', label: 'Trial ends', type: 'date', slot: 'd0' },
  { no: 2, key: 'stage', label: 'Stage', type: 'text', slot: 'k0' },
];

test('she who opens within three days gets the offer, the others the reminder', () => {
  const run = journey(send('welcome'), wait('3d'), condition(opened('welcome'), send('offer'), send('reminder')));
  const [ada, bob] = run.enroll('ada', 'bob');
  run.advance('1d');
  ada!.opens('welcome');
  run.advance('2d');
  expect(ada!.mails).toEqual(['welcome', 'offer']);
  expect(bob!.mails).toEqual(['welcome', 'reminder']);
  expect(run.isDone).toBe(true);
});

test('branches meet again: what follows a condition is for all', () => {
  const run = journey(send('welcome'), wait('1d'), condition(clicked('welcome'), [send('thanks')]), wait('1d'), send('last'), exit('done'));
  const [ada, bob] = run.enroll('ada', 'bob');
  ada!.clicks('welcome');
  run.advance('2d');
  expect(ada!.mails).toEqual(['welcome', 'thanks', 'last']);
  expect(bob!.mails).toEqual(['welcome', 'last']);
  expect(bob!.endedAt).toBe('done');
});

test('an opening after the time asked for is none, and a mail never sent was never opened', () => {
  const run = journey(send('welcome'), wait('3d'), condition(opened('welcome', '1d'), send('fast'), send('slow')));
  const [ada, bob] = run.enroll('ada', 'bob');
  run.advance('1d');
  bob!.opens('welcome');
  run.advance('1m');
  ada!.opens('welcome');
  run.advance('3d');
  expect([ada!.mails[1], bob!.mails[1]]).toEqual(['slow', 'fast']);
  const other = journey(split([50, send('a')], [50, send('b')]), wait('1h'), condition(opened('a'), send('yes'), send('no')));
  for (const person of other.enroll(...Array.from({ length: 40 }, (_, i) => `p${i}`))) if (person.mails[0] === 'a') person.opens('a');
  other.advance('1h');
  for (const person of other.people) expect(person.mails[1]).toBe(person.mails[0] === 'a' ? 'yes' : 'no');
});

test('a buyer takes “happened” at once, the others time out after two hours', () => {
  const run = journey(waitFor('order_placed', '2h', exit('bought'), send('cart'), { filters: [{ property: 'total', operator: 'at_least', value: 20 }] }));
  const [ada, bob, cem] = run.enroll('ada', 'bob', 'cem');
  run.advance('1h');
  ada!.does('order_placed', { total: 25 });
  bob!.does('order_placed', { total: 5 });
  cem!.does('cart_viewed', { total: 500 });
  run.advance('1m');
  expect([ada!.endedAt, bob!.at, cem!.at]).toEqual(['bought', 'wait for order_placed', 'wait for order_placed']);
  run.advance('59m');
  expect([ada!.mails, bob!.mails, cem!.mails]).toEqual([[], ['cart'], ['cart']]);
});

test('a wait for a click on one mail does not end by a click on another', () => {
  const run = journey(send('first'), send('second'), waitFor('clicked', '1d', exit('clicked'), exit('silent'), { journey: 'journey', step: 'second' }));
  const [ada, bob] = run.enroll('ada', 'bob');
  ada!.clicks('first');
  bob!.clicks('second');
  run.advance('1h');
  expect([ada!.at, bob!.endedAt]).toEqual(['wait for clicked', 'clicked']);
});

test('a date moved while she waits moves the wait; one taken away ends it', () => {
  const run = journey(untilDate('custom.trial_ends', send('ends'), send('no trial'), { offset: { amount: 1, unit: 'days' } })).with({ fields });
  const [ada, bob, cem] = run.enroll('ada', 'bob', 'cem').map((person) => person);
  expect([ada!.mails, bob!.mails, cem!.mails]).toEqual([['no trial'], ['no trial'], ['no trial']]);
  const later = journey(wait('1h'), untilDate('custom.trial_ends', send('ends'), send('no trial'), { offset: { amount: 1, unit: 'days' } })).with({ fields });
  const [dee, eli, fay] = later.enroll('dee', 'eli', 'fay').map((person) => person.has({ custom: { trial_ends: '2026-03-10' } }));
  later.advance('3d');
  expect(dee!.at).toBe('until custom.trial_ends');
  eli!.has({ custom: { trial_ends: '2026-03-20' } });
  fay!.has({ custom: {} });
  later.advance('6d');
  expect([dee!.mails, eli!.mails, fay!.mails]).toEqual([['ends'], [], ['no trial']]);
  later.advance('10d');
  expect(eli!.mails).toEqual(['ends']);
});

test('Saturday’s click is answered on Monday at nine, on her own clock', () => {
  const run = journey(timeWindow(), send('follow-up')).with({ now: '2026-03-07T14:00:00Z', zone: 'Europe/Berlin' });
  const [ada] = run.enroll('ada');
  const [yuki] = run.enroll('yuki');
  expect(ada!.at).toBe('window');
  run.advance('1d');
  expect(ada!.mails).toEqual([]);
  run.advance('18h');
  expect([ada!.mails, yuki!.mails]).toEqual([['follow-up'], ['follow-up']]);
  expect(new Date(ada!.sends[0]!.sentAt).toISOString()).toBe('2026-03-09T08:00:00.000Z');
});

test('what the journey writes, its conditions see', () => {
  const segments = { keen: { name: 'Keen', rule: { op: 'and' as const, parts: [{ field: 'score', operator: 'at_least' as const, value: 20 }] } } };
  const run = journey(
    update('score', { mode: 'add', amount: 10 }), condition(inSegment('keen'), [update('custom.stage', { mode: 'set', value: 'Active' }), addTo('engaged')]),
    condition(holds('custom.stage', 'equals', 'active'), exit('engaged'), exit('collecting')),
  ).with({ fields, segments });
  const [ada] = run.enroll('ada');
  expect([ada!.row.score, ada!.endedAt]).toEqual([10, 'collecting']);
  const [bob] = journey(wait('1m'), ...[update('score', { mode: 'add', amount: 10 }), condition(inSegment('keen'), addTo('engaged'))]).with({ fields, segments }).enroll('bob').map((person) => person.has({ score: 15 }));
  bob!.run.advance('1m');
  expect([bob!.row.score, bob!.row.lists]).toEqual([25, ['engaged']]);
});

test('nobody moves while the journey is paused; timers count on, and what is due goes on after Resume', () => {
  const run = journey(send('one'), wait('1d'), send('two'), wait('1d'), send('three'));
  const [ada] = run.enroll('ada');
  run.pause();
  run.advance('3d');
  expect(ada!.mails).toEqual(['one']);
  run.resume();
  run.advance('1m');
  expect(ada!.mails).toEqual(['one', 'two']);
  run.advance('1d');
  expect(ada!.mails).toEqual(['one', 'two', 'three']);
});

test('ninety days of weekly mails: each once, in order', () => {
  const run = journey(...Array.from({ length: 13 }, (_, i) => [send(`week ${i + 1}`), wait('1w')]).flat(), exit('done'));
  const people = run.enroll(...Array.from({ length: 50 }, (_, i) => `p${i}`));
  for (let day = 0; day < 91; day += 1) run.advance('1d');
  for (const person of people) expect(person.mails).toEqual(Array.from({ length: 13 }, (_, i) => `week ${i + 1}`));
  expect(run.isDone).toBe(true);
});

test('a storm of events is one visit a second', () => {
  const run = journey(waitFor('seen', '1d', wait('1d'), []));
  const people = run.enroll(...Array.from({ length: 100 }, (_, i) => `p${i}`));
  const before = run.board.visits;
  for (const person of people) person.does('seen');
  run.advance('1m');
  expect(people.every((person) => person.at === 'wait 1d')).toBe(true);
  expect(run.board.visits - before).toBeLessThan(8);
});

test('a webhook and a holdout are steps like others', () => {
  const run = journey(holdout(50, exit('kept back')), webhook('https://example.com/hook'), send('hello'));
  const people = run.enroll(...Array.from({ length: 100 }, (_, i) => `p${i}`));
  const kept = people.filter((person) => person.endedAt === 'kept back');
  expect(kept.length).toBeGreaterThan(30);
  expect(people.filter((person) => person.mails.length === 1).length).toBe(100 - kept.length);
});
