import { expect, test } from 'vitest';
import { chancesOfBest, drawBatch, pickWinner, variantsOf, type VariantCounts } from '#domain/campaign/experiment.ts';
import { freezeAt, instantOf, wallTime, waveOf, type Schedule } from '#domain/campaign/schedule.ts';

const counts = (sent: number, opened: number, clicked = 0, complained = 0, unsubscribed = 0): VariantCounts => ({ sent, opened, clicked, complained, unsubscribed });

test('variants are the cross product by subject, then content: A S1C1, B S1C2, C S2C1, D S2C2', () => {
  const variants = variantsOf({ subject: 'S1', html: 'C1', text: '', fromName: 'Shop' }, {
    subjects: ['S2'], contents: [{ html: 'C2', text: '' }], fromNames: [], testPercent: 20, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [],
  });
  expect(variants.map((variant) => `${variant.label} ${variant.subject}${variant.html}`)).toEqual(['A S1C1', 'B S1C2', 'C S2C1', 'D S2C2']);
});

test('the best rate wins; of equals the one with fewer complaints and unsubscribes, then the first', () => {
  expect(pickWinner([counts(100, 10), counts(100, 20), counts(100, 15)], 'open_rate')).toBe(2);
  expect(pickWinner([counts(100, 10, 5), counts(50, 5, 5)], 'click_rate')).toBe(2);
  expect(pickWinner([counts(100, 10, 0, 1), counts(100, 10)], 'open_rate')).toBe(2);
  expect(pickWinner([counts(100, 0), counts(100, 0)], 'click_rate')).toBe(1);
});

test('chances sum to one, follow the evidence and are the same for whoever asks', () => {
  const seen = [counts(1_000, 100), counts(1_000, 160), counts(1_000, 110)];
  const chances = chancesOfBest(seen, 'open_rate', 7);
  expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1);
  expect(chances[1]).toBeGreaterThan(0.98);
  expect(chancesOfBest(seen, 'open_rate', 7)).toEqual(chances);
  const even = chancesOfBest([counts(500, 50), counts(500, 50)], 'open_rate', 7);
  expect(even[0]).toBeGreaterThan(0.4);
  expect(even[0]).toBeLessThan(0.6);
});

test('a bandit begins evenly and then gives most to the best', () => {
  expect(drawBatch(100, [counts(0, 0), counts(0, 0)], 'open_rate', 1, 1)).toEqual([50, 50]);
  const later = drawBatch(100, [counts(500, 50), counts(500, 90)], 'open_rate', 1, 7);
  expect(later[0]! + later[1]!).toBe(100);
  expect(later[1]).toBeGreaterThan(90);
  expect(drawBatch(10, [counts(5, 5), counts(0, 0)], 'open_rate', 1, 2)[1]).toBeGreaterThan(0);
});

const at = (text: string) => wallTime(text)!;

test('9:00 is 9:00 on the clock of the zone, before and after it changes', () => {
  expect(new Date(instantOf(at('2026-10-31T09:00'), 'America/New_York')).toISOString()).toBe('2026-10-31T13:00:00.000Z');
  expect(new Date(instantOf(at('2026-11-02T09:00'), 'America/New_York')).toISOString()).toBe('2026-11-02T14:00:00.000Z');
});

test('a time that daylight saving skips is the next valid minute, one shown twice is the first', () => {
  expect(new Date(instantOf(at('2026-03-29T02:30'), 'Europe/Berlin')).toISOString()).toBe('2026-03-29T01:00:00.000Z');
  expect(new Date(instantOf(at('2026-03-29T02:00'), 'Europe/Berlin')).toISOString()).toBe('2026-03-29T01:00:00.000Z');
  expect(new Date(instantOf(at('2026-10-25T02:30'), 'Europe/Berlin')).toISOString()).toBe('2026-10-25T00:30:00.000Z');
  expect(new Date(instantOf(at('2026-10-04T02:15'), 'Australia/Lord_Howe')).toISOString()).toBe('2026-10-03T15:30:00.000Z');
});

test('no date, no time', () => {
  for (const text of ['2026-02-30T09:00', '2026-01-01T24:00', '2026-01-01', 'soon', '2026-01-01T09:00:00']) expect(wallTime(text)).toBeNull();
});

test("in recipients' own time each has her hour; who has missed it gets it a day later, or now", () => {
  const schedule: Schedule = { at: '2026-12-01T09:00', zone: 'recipient', past: 'next_day' };
  const frozenAt = freezeAt(schedule, 'Europe/Berlin');
  expect(new Date(frozenAt).toISOString()).toBe('2026-11-30T19:00:00.000Z');
  const hours = ['Asia/Tokyo', 'Europe/Berlin', 'America/Chicago'].map((zone) => new Date(waveOf(schedule, frozenAt, zone)).toISOString());
  expect(hours).toEqual(['2026-12-01T00:00:00.000Z', '2026-12-01T08:00:00.000Z', '2026-12-01T15:00:00.000Z']);
  const late = Date.parse('2026-12-01T10:00:00Z');
  expect(new Date(waveOf(schedule, late, 'Europe/Berlin')).toISOString()).toBe('2026-12-02T08:00:00.000Z');
  expect(waveOf({ ...schedule, past: 'now' }, late, 'Europe/Berlin')).toBe(late);
});
