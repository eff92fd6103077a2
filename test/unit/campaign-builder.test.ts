import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Campaign, Connection, Delivery, Experiment } from '../../ui/src/lib/api/types.ts';
import { alternativeOf, changesOf, draftOf, hrefOf, isGiven, stepOf, type Draft } from '../../ui/src/lib/campaign/draft.ts';
import { newExperiment, withAlternatives, withDistribution } from '../../ui/src/lib/campaign/experiment.ts';
import { evenShares, lanesOf, testPlanOf, throttledMs } from '../../ui/src/lib/campaign/plan.ts';
import { launchNow, localNow, startOf, whenProblem } from '../../ui/src/lib/campaign/when.ts';
import { standingOf } from '../../ui/src/lib/connection/warm-up.ts';
import { fittingWidth, imageTag } from '../../ui/src/lib/content/image.ts';
import { darkened, lacksFooter, withFooter } from '../../ui/src/lib/content/mail.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const zone = 'Europe/London';
const at = (iso: string) => Date.parse(iso);

const draft: Draft = {
  name: 'Spring offer', subject: 'Hello', preheader: '', fromName: 'Northwind', fromEmail: 'news@example.com', replyTo: '', html: '<p>Hello</p>', text: '', targets: [],
  delivery: { mode: 'single', connections: [], onBreak: 'pause', throttlePerMinute: null }, experiment: null, tracking: { opens: true, clicks: true }, utm: {},
};
const experiment = (change: Partial<Experiment> = {}): Experiment => ({ ...newExperiment(draft), ...change });

describe('a draft', () => {
  test('sends back what was changed and nothing else', () => {
    const before = draftOf({ ...draft, id: 'x', version: 3 } as unknown as Campaign);
    expect(before).toEqual(draft);
    expect(changesOf({ ...before, subject: 'Good day', targets: [{ kind: 'list', id: 'a', mode: 'include' }] }, before)).toEqual({ subject: 'Good day', targets: [{ kind: 'list', id: 'a', mode: 'include' }] });
    expect(changesOf(structuredClone(before), before)).toEqual({});
  });

  test.each([
    ['subject', 'basic', '?step=basic'], ['html', 'content', '?step=content'], ['experiment.weights', 'content', '?step=content&part=test'], ['experiment.contents[1].html', 'content', '?step=content&content=3'],
    ['targets[0].id', 'targeting', '?step=targeting'], ['delivery.connections[0].percent', 'smtp', '?step=smtp'], ['schedule', 'scheduling', '?step=scheduling'], ['at', 'scheduling', '?step=scheduling'],
  ])('leads from %s to its place', (field, step, href) => {
    expect([stepOf(field), hrefOf(field)]).toEqual([step, href]);
  });

  test('tells a gap from a fault', () => {
    expect(isGiven(draft, 'subject')).toBe(true);
    expect(isGiven(draft, 'delivery.connections')).toBe(false);
    expect(isGiven({ ...draft, delivery: { ...draft.delivery, connections: [{ id: 'a', percent: 40 }] } }, 'delivery.connections[0].percent')).toBe(true);
    expect(isGiven(draft, 'experiment.subjects[0]')).toBe(false);
    expect([alternativeOf('experiment.contents[1].html'), alternativeOf('html')]).toEqual([3, null]);
  });
});

describe('an A/B test being built', () => {
  test('wants a second subject first, and is judged by what is tracked', () => {
    expect(newExperiment(draft)).toMatchObject({ subjects: [''], testPercent: 20, durationHours: 4, winnerBy: 'open_rate', distribution: 'random' });
    expect(newExperiment({ ...draft, tracking: { opens: false, clicks: true } }).winnerBy).toBe('click_rate');
  });

  test('begins with equal weights whenever the number of its variants changes', () => {
    const weighted = withDistribution(experiment(), 'weighted');
    expect(weighted.weights).toEqual([50, 50]);
    const four = withAlternatives(weighted, { contents: [{ html: '<p>b</p>', text: '' }] });
    expect(four.weights).toEqual([25, 25, 25, 25]);
    expect(withAlternatives({ ...four, weights: [70, 10, 10, 10] }, { subjects: ['other words'] }).weights).toEqual([70, 10, 10, 10]);
    expect(withDistribution(four, 'bandit').weights).toEqual([]);
  });

  test('divides every recipient exactly once', () => {
    fc.assert(fc.property(fc.integer({ min: 10, max: 2_000_000 }), fc.integer({ min: 1, max: 100 }), (recipients, testPercent) => {
      const { tested, rest, sizes } = testPlanOf(experiment({ testPercent }), recipients);
      expect(tested + rest).toBe(recipients);
      if (sizes) expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(tested);
    }), { seed });
  });

  test('has no sizes where they are drawn as it runs, or while its weights do not fit', () => {
    expect(testPlanOf(experiment({ distribution: 'bandit' }), 1_000).sizes).toBeNull();
    expect(testPlanOf(experiment({ distribution: 'weighted', weights: [100] }), 1_000).sizes).toBeNull();
    expect(testPlanOf(experiment({ distribution: 'weighted', weights: [70, 30] }), 1_000).sizes).toEqual([140, 60]);
  });
});

describe('what goes over which connection', () => {
  const connections = [{ id: 'a', name: 'SES' }, { id: 'b', name: 'Second line' }] as Connection[];
  const split: Delivery = { mode: 'split', connections: [{ id: 'a', percent: 70 }, { id: 'b', percent: 30 }], onBreak: 'pause', throttlePerMinute: null };

  test('is told in exact numbers, and without them while nobody is counted', () => {
    expect(lanesOf(split, connections, 101)).toEqual([{ id: 'a', name: 'SES', percent: 70, mails: 71 }, { id: 'b', name: 'Second line', percent: 30, mails: 30 }]);
    expect(lanesOf({ ...split, mode: 'single' }, connections, null)).toEqual([{ id: 'a', name: 'SES', percent: null, mails: null }]);
  });

  test('sums to 100 when it is shared equally', () => {
    expect(evenShares(3)).toEqual([34, 33, 33]);
    for (let count = 1; count <= 26; count++) expect(evenShares(count).reduce((sum, share) => sum + share, 0)).toBe(100);
  });

  test('takes its time under a throttle', () => {
    expect([throttledMs(6_000, 600), throttledMs(6_000, null)]).toEqual([600_000, null]);
  });
});

describe('when a draft starts', () => {
  const now = at('2026-11-25T12:00:00Z');
  const own = { ...launchNow, isNow: false, at: '2026-12-01T09:00' };

  test('lacks its time, or has missed it, or cannot follow a test', () => {
    expect(whenProblem(launchNow, true, zone, now)).toBeNull();
    expect(whenProblem({ ...own, at: '' }, false, zone, now)).toBe('missing');
    expect(whenProblem(own, true, zone, now)).toBeNull();
    expect(whenProblem({ ...own, at: '2026-11-25T12:00' }, false, zone, now)).toBe('over');
    expect(whenProblem({ ...own, at: '2026-11-25T12:02' }, false, zone, now)).toBeNull();
    expect(whenProblem({ ...own, zone: 'recipient' }, true, zone, now)).toBe('experiment');
    // In Hawaii it is still to come.
    expect(whenProblem({ ...own, zone: 'recipient', at: '2026-11-25T09:00' }, false, zone, now)).toBeNull();
    expect(whenProblem({ ...own, zone: 'recipient', at: '2026-11-23T09:00' }, false, zone, now)).toBe('over');
  });

  test('keeps the clock over daylight saving', () => {
    expect(startOf({ ...own, at: '2027-06-01T09:00' }, zone, now)).toMatchObject({ at: '2027-06-01T08:00:00.000Z', skipped: false, twice: false });
    expect(startOf({ ...own, at: '2027-03-28T01:30' }, zone, now)).toMatchObject({ at: '2027-03-28T01:00:00.000Z', wanted: '01:30', shown: '02:00', skipped: true });
    expect(startOf({ ...own, at: '2027-10-31T01:30' }, zone, now)).toMatchObject({ at: '2027-10-31T00:30:00.000Z', skipped: false, twice: true });
    expect(startOf({ ...own, at: 'soon' }, zone, now)).toBeNull();
  });

  test('settles the audience when the first clock of the world shows the hour', () => {
    expect(startOf({ ...own, zone: 'recipient' }, zone, now)).toMatchObject({ at: '2026-11-30T19:00:00.000Z', endAt: '2026-12-01T21:00:00.000Z' });
    expect(startOf({ ...own, zone: 'recipient', at: '2026-11-25T20:00' }, zone, now)?.at).toBe(new Date(now).toISOString());
  });

  test('is read off the clocks of the organization', () => {
    expect(localNow('Asia/Tokyo', now)).toBe('2026-11-25T21:00');
  });
});

describe('a warm-up', () => {
  const plan = { startedOn: '2026-11-25', first: 500, growthPercent: 30, target: 50_000 };

  test('tells its day, what it allows, and when it is over', () => {
    expect(standingOf(plan, '2026-11-25')).toEqual({ day: 1, allowed: 500, reached: { on: '2026-12-13', day: 19 } });
    expect(standingOf(plan, '2026-11-27')).toMatchObject({ day: 3, allowed: 845 });
    expect(standingOf(plan, '2026-12-13')).toMatchObject({ allowed: null });
    expect(standingOf(plan, '2026-11-20')).toMatchObject({ day: -4, allowed: 0 });
    expect(standingOf({ ...plan, startedOn: 'soon' }, '2026-11-25')).toBeNull();
  });
});

describe('the text of a mail', () => {
  const link = 'Unsubscribe';

  test('gets a footer in each part that lacks the link, before the end of the body', () => {
    const { html, text } = withFooter({ html: '<body><p>Hello</p></body>', text: 'Hello' }, link);
    expect(html).toMatch(/^<body><p>Hello<\/p><p style[^>]*>\{\{organization\.name\}\}.*\{\{unsubscribe_url\}\}.*<\/p>\n<\/body>$/);
    expect(text).toContain('Unsubscribe: {{unsubscribe_url}}');
    expect(withFooter({ html, text }, link)).toEqual({ html, text });
    expect(withFooter({ html: '<mjml><mj-body></mj-body></mjml>', text: '' }, link)).toEqual({ html: expect.stringMatching(/^<mjml><mj-body><mj-section>.*<\/mj-section>\n<\/mj-body><\/mjml>$/) as string, text: '' });
    expect([lacksFooter({ html, text }), lacksFooter({ html, text: 'Hello' }), lacksFooter({ html: '', text: '' })]).toEqual([false, true, false]);
  });

  test('is shown dark by its own styles, else turned around', () => {
    expect(darkened('<style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style>')).toBe('<style>@media (min-width: 0) { p { color: #fff } }</style>');
    expect(darkened('<head></head><p>Hello</p>')).toMatch(/^<head><style>html\{filter:invert/);
  });

  test('takes pictures in with words that cannot break out of them', () => {
    expect(imageTag({ url: 'https://example.com/a.png' }, 'A "quoted" <b>', fittingWidth({ width: 1_280 }))).toBe('<img src="https://example.com/a.png" alt="A &quot;quoted&quot; &lt;b>" width="600" style="display:block;max-width:100%;height:auto;border:0">');
    expect(fittingWidth({ width: 320 })).toBe(320);
  });
});
