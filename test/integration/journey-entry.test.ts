import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EntryConfig } from '#domain/journey/entry.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import { suppress } from '../../infra/mail/ledger.ts';
import { enters, exit, graphOf, wait } from '../support/journey-dsl.ts';
import { addToList, journeyRows, newList, type JourneyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** Who gets into a journey: by list, by event, by hand, how often, and who does not. */

let organization: TestOrganization;
let rows: JourneyRows;
let n = 0;

beforeAll(async () => {
  organization = await createTestOrganization();
  rows = await journeyRows(organization);
}, 60_000);
afterAll(() => organization.close());
beforeEach(() => { n += 1; });

const people = (...names: readonly string[]) => rows.people(...names.map((name) => `${name}@entry${n}.example`));
const resting = (trigger: EntryConfig['trigger'], rest: Partial<EntryConfig> = {}) => graphOf(enters(trigger, rest), wait('3d'));
const versions = createVersions();
const letIn = (journeyId: string, ...customerIds: readonly number[]) => organization.container.tenants.use(organization.orgId, ({ org, sql }) =>
  sql.transaction((tx) => enter({ org, tx, versions, now: Date.now() }, journeyId, customerIds.map((customerId) => ({ customerId })))));
const refusals = (journeyId: string) => rows.sql.rows('select customer_id as "customerId", reason from journey_refusal where journey_id = $1 order by id', [journeyId]);
const statesOf = async (journeyId: string) => (await rows.runs(journeyId)).map((run) => [run.customerId, run.state]);

describe('a list as the trigger', () => {
  test('lets in who is added after publishing, in one cohort a batch; earlier members do not enter', async () => {
    const list = await newList(rows.sql);
    const [early, ada, bob, eve] = await people('early', 'ada', 'bob', 'eve');
    await addToList(rows.sql, list, [early!]);
    const journey = await rows.publish(resting({ kind: 'list', list }));
    await addToList(rows.sql, list, [ada!]);
    await addToList(rows.sql, list, [bob!, early!]);
    const told = await rows.drain();
    const runs = await rows.runs(journey);
    expect(runs.map((run) => [run.customerId, run.node, run.visit, run.state, run.isDue])).toEqual([[ada, 'wait-3d', 1, 'active', true], [bob, 'wait-3d', 1, 'active', true]]);
    expect(new Set(runs.map((run) => run.cohortId)).size).toBe(1);
    expect(told.started).toEqual([expect.objectContaining({ journeyId: journey, versionNo: 1, cohortId: runs[0]!.cohortId })]);
    expect(await rows.sql.rows('select size from cohort where journey_id = $1', [journey])).toEqual([{ size: 2 }]);
    await addToList(rows.sql, list, [eve!]);
    expect((await rows.drain()).started).toHaveLength(1);
    await rows.expectNobodyOverdue();
  });

  test('lets her into every journey that waits for it', async () => {
    const list = await newList(rows.sql);
    const [ada] = await people('ada');
    const journeys = [await rows.publish(resting({ kind: 'list', list })), await rows.publish(resting({ kind: 'list', list }))];
    await addToList(rows.sql, list, [ada!]);
    expect((await rows.drain()).started.map((cohort) => cohort.journeyId).sort()).toEqual([...journeys].sort());
  });

  test('who was added before it was published stays out, however late that is followed', async () => {
    const list = await newList(rows.sql);
    const [ada, bob] = await people('ada', 'bob');
    const first = await rows.publish(resting({ kind: 'list', list }));
    await addToList(rows.sql, list, [ada!]);
    const second = await rows.publish(resting({ kind: 'list', list }));
    await addToList(rows.sql, list, [bob!]);
    await rows.drain();
    expect([await statesOf(first), await statesOf(second)]).toEqual([[[ada, 'active'], [bob, 'active']], [[bob, 'active']]]);
  });

  test('what comes while it is paused is not made up', async () => {
    const list = await newList(rows.sql);
    const [during, after] = await people('during', 'after');
    const journey = await rows.publish(resting({ kind: 'list', list }));
    await rows.move(journey, 'paused');
    await addToList(rows.sql, list, [during!]);
    await rows.move(journey, 'published');
    await rows.drain();
    expect(await rows.runs(journey)).toEqual([]);
    await addToList(rows.sql, list, [after!]);
    await rows.drain();
    expect(await statesOf(journey)).toEqual([[after, 'active']]);
  });

  test('added and paused in the same moment, she stays out', async () => {
    const list = await newList(rows.sql);
    const journey = await rows.publish(resting({ kind: 'list', list }));
    await addToList(rows.sql, list, await people('ada'));
    await rows.move(journey, 'paused');
    expect((await rows.drain()).started).toEqual([]);
    expect(await rows.runs(journey)).toEqual([]);
  });

  test('of 12,000 added at once, cohorts of at most 1,000 are made', async () => {
    const list = await newList(rows.sql);
    const ids = await rows.people(...Array.from({ length: 12_000 }, (_, i) => `many${i}@entry${n}.example`));
    const journey = await rows.publish(resting({ kind: 'list', list }));
    for (let i = 0; i < ids.length; i += 5_000) await addToList(rows.sql, list, ids.slice(i, i + 5_000));
    const told = await rows.drain();
    expect(told.started).toHaveLength(12);
    expect(await rows.sql.rows('select count(*)::int as people, count(distinct customer_id)::int as different from enrollment where journey_id = $1', [journey])).toEqual([{ people: 12_000, different: 12_000 }]);
    expect(await rows.sql.rows('select max(size) as most, sum(size)::int as people from cohort where journey_id = $1', [journey])).toEqual([{ most: 1_000, people: 12_000 }]);
  }, 120_000);
});

describe('an event of mail as the trigger', () => {
  test.each(['opened', 'clicked'])('%s lets her in from any mail, machines let nobody in', async (event) => {
    const [ada, robot, other] = await people('ada', 'robot', 'other');
    const journey = await rows.publish(resting({ kind: 'event', event }));
    await rows.happen({ customerId: ada!, type: event }, { customerId: robot!, type: event, machine: true }, { customerId: other!, type: 'delivered' }, { customerId: null, type: event });
    await rows.drain();
    expect(await statesOf(journey)).toEqual([[ada, 'active']]);
  });

  test('a campaign as its filter lets in who did it with that one', async () => {
    const mine = await createSentCampaign(organization, { recipients: [`mine@entry${n}.example`], name: 'Mine' });
    const other = await createSentCampaign(organization, { recipients: [`other@entry${n}.example`], name: 'Other' });
    const [ada, bob] = await people('ada', 'bob');
    const journey = await rows.publish(resting({ kind: 'event', event: 'clicked', campaign: mine.campaignId }));
    await rows.happen({ customerId: ada!, type: 'clicked', mailNo: mine.mailNo }, { customerId: bob!, type: 'clicked', mailNo: other.mailNo }, { customerId: bob!, type: 'clicked' });
    await rows.drain();
    expect(await statesOf(journey)).toEqual([[ada, 'active']]);
  });

  test('what happened before it was published, or while it was paused, counts for nothing', async () => {
    const [early, during, after] = await people('early', 'during', 'after');
    await rows.happen({ customerId: early!, type: 'clicked' });
    const journey = await rows.publish(resting({ kind: 'event', event: 'clicked' }));
    await rows.drain();
    await rows.move(journey, 'paused');
    await rows.happen({ customerId: during!, type: 'clicked' });
    await rows.move(journey, 'published');
    await rows.happen({ customerId: after!, type: 'clicked' });
    await rows.drain();
    expect(await statesOf(journey)).toEqual([[after, 'active']]);
  });

  test('a new version with the same trigger misses nobody who came before it', async () => {
    const [ada] = await people('ada');
    const journey = await rows.publish(resting({ kind: 'event', event: 'clicked' }));
    await rows.happen({ customerId: ada!, type: 'clicked' });
    await rows.publishNext(journey, resting({ kind: 'event', event: 'clicked' }));
    await rows.drain();
    expect((await rows.runs(journey)).map((run) => [run.customerId, run.version])).toEqual([[ada, 2]]);
  });

  test.each([['unsubscribed', 'unsubscribed', 1 | 4], ['bounced', 'hard_bounce', 2 | 4]] as const)('%s lets in the very person it suppresses, and only a further suppression ends her run', async (event, reason, flags) => {
    const [ada] = await people('ada');
    const journey = await rows.publish(resting({ kind: 'event', event }));
    await rows.sql.transaction((tx) => suppress(tx, { customerIds: [ada!], reason, source: 'webhook', causes: [''] }));
    await rows.happen({ customerId: ada!, type: event, ...(event === 'bounced' ? { bounceClass: 'hard' } : {}) });
    await rows.drain();
    expect((await rows.runs(journey)).map((run) => [run.customerId, run.state, run.flags])).toEqual([[ada, 'active', flags]]);
    const further = event === 'bounced' ? 'unsubscribed' : 'hard_bounce';
    await rows.sql.transaction((tx) => suppress(tx, { customerIds: [ada!], reason: further, source: 'webhook', causes: [''] }));
    await rows.drain();
    expect((await rows.runs(journey)).map((run) => [run.state, run.reason])).toEqual([['exited', event === 'bounced' ? 'unsubscribed' : 'bounced']]);
  });

  test('a complaint that comes before its suppression lets her in, and the suppression does not end that run', async () => {
    const [ada] = await people('ada');
    const journey = await rows.publish(resting({ kind: 'event', event: 'complained' }));
    await rows.happen({ customerId: ada!, type: 'complained' });
    await rows.drain();
    await rows.sql.run(`insert into suppression (email_key, email, reason, source) select email_key, email, 'complaint', 'webhook' from customer where id = $1`, [ada]);
    await rows.sql.run('update customer set is_suppressed = true, version = version + 1 where id = $1', [ada]);
    await rows.sql.run(`insert into outbox (topic, ids) values ('customer', $1)`, [[ada]]);
    await rows.drain();
    expect(await statesOf(journey)).toEqual([[ada, 'active']]);
    await rows.happen({ customerId: ada!, type: 'complained', at: Date.now() + 1_000 });
    await rows.drain();
    expect((await rows.runs(journey)).map((run) => [run.state, run.reason])).toEqual([['exited', 'complained']]);
  });
});

test('a custom event lets in whose properties pass all filters', async () => {
  const [rich, poor, other] = await people('rich', 'poor', 'other');
  const journey = await rows.publish(resting({ kind: 'custom', name: 'cart_abandoned', filters: [{ property: 'cart.total', operator: 'at_least', value: 100 }] }));
  await rows.happen(
    { customerId: rich!, type: 'custom', name: 'cart_abandoned', properties: { cart: { total: 100 } } },
    { customerId: poor!, type: 'custom', name: 'cart_abandoned', properties: { cart: { total: 99 } } },
    { customerId: other!, type: 'custom', name: 'cart_viewed', properties: { cart: { total: 500 } } });
  await rows.drain();
  expect(await statesOf(journey)).toEqual([[rich, 'active']]);
});

test('suppressed people stay out and are told as refused', async () => {
  const list = await newList(rows.sql);
  const [ada, gone] = await people('ada', 'gone');
  const journey = await rows.publish(resting({ kind: 'list', list }));
  await rows.sql.transaction((tx) => suppress(tx, { customerIds: [gone!], reason: 'unsubscribed', source: 'webhook', causes: [''] }));
  await addToList(rows.sql, list, [ada!, gone!]);
  await rows.drain();
  expect(await statesOf(journey)).toEqual([[ada, 'active']]);
  expect(await refusals(journey)).toEqual([{ customerId: gone, reason: 'suppressed' }]);
  expect(await letIn(journey, ada!, gone!, 999_999_999)).toMatchObject({ enrolled: 0, barred: 1, suppressed: 1, unknown: 1, cohorts: [] });
  expect(await refusals(journey)).toHaveLength(3);
});

test('of many refused at once the newest twenty are kept', async () => {
  const journey = await rows.publish(resting({ kind: 'manual' }));
  const ids = await people(...Array.from({ length: 50 }, (_, i) => `again${i}`));
  expect(await letIn(journey, ...ids)).toMatchObject({ enrolled: 50 });
  expect(await letIn(journey, ...ids)).toMatchObject({ enrolled: 0, barred: 50 });
  expect(await refusals(journey)).toHaveLength(20);
});

describe('re-entry', () => {
  const [none, after, always] = ['once', 'after_completion', 'concurrent'] as const;
  const [inside, ended] = ['active', 'completed'] as const;
  test.each([
    ['nobody enters twice', none, [none], ended, 0],
    ['not while inside', none, [none], inside, 0],
    ['who has ended enters again', after, [after], ended, 1],
    ['who is inside does not', after, [after], inside, 0],
    ['who is inside enters beside it', always, [always], inside, 1],
    ['who has ended enters again', always, [always], ended, 1],
    ['a run from when it was allowed bars her now', none, [always], ended, 0],
    ['several runs from when it was allowed bar her while one is under way', after, [always, always], inside, 0],
    ['several runs from when it was allowed do not bar her once they ended', after, [always, always], ended, 1],
    ['a run from when it was not allowed does not bar her once it ended', after, [none], ended, 1],
    ['a third time after two completed ones', after, [after, after], ended, 1],
    ['two completed ones bar her where it is not allowed any more', none, [after, after], ended, 0],
  ] as const)('%s (%s, entered before under %s, now %s)', async (_, now, earlier, state, enrolled) => {
    const [ada] = await people('ada');
    const journey = await rows.publish(resting({ kind: 'manual' }, { reentry: earlier[0] }));
    for (const reentry of earlier) {
      await rows.publishNext(journey, resting({ kind: 'manual' }, { reentry }));
      expect(await letIn(journey, ada!)).toMatchObject({ enrolled: 1 });
      if (state === ended) await rows.sql.run(`update enrollment set state = 'completed', ended_at = now(), due_at = null where journey_id = $1`, [journey]);
    }
    await rows.publishNext(journey, resting({ kind: 'manual' }, { reentry: now }));
    expect(await letIn(journey, ada!)).toMatchObject({ enrolled, barred: 1 - enrolled });
  });

  test.each([[none, 1], [after, 1], [always, 20]] as const)('twenty who let the same person in at the same moment: %s gives %i runs', async (reentry, expected) => {
    const [ada, bob] = await people('ada', 'bob');
    const journey = await rows.publish(resting({ kind: 'manual' }, { reentry }));
    // A run that ended before makes them rename it at the same moment, too.
    if (reentry === after) {
      await letIn(journey, ada!);
      await rows.sql.run(`update enrollment set state = 'completed', ended_at = now(), due_at = null where journey_id = $1`, [journey]);
    }
    const entered = await Promise.all(Array.from({ length: 20 }, () => letIn(journey, ada!, bob!)));
    expect(entered.reduce((sum, each) => sum + (each?.enrolled ?? 0), 0)).toBe(2 * expected);
    expect((await rows.runs(journey)).filter((run) => run.customerId === ada && run.state === 'active')).toHaveLength(expected);
  });

  test('several clicks of one batch are one run, or as many where runs may be concurrent', async () => {
    const [ada] = await people('ada');
    const [once, often] = [await rows.publish(resting({ kind: 'event', event: 'clicked' })), await rows.publish(resting({ kind: 'event', event: 'clicked' }, { reentry: 'concurrent' }))];
    await rows.happen(...Array.from({ length: 3 }, () => ({ customerId: ada!, type: 'clicked' })));
    await rows.drain();
    expect([(await rows.runs(once)).length, (await rows.runs(often)).length]).toEqual([1, 3]);
  });
});

test('where the entry leads nowhere, or to an exit, a run is completed as it begins', async () => {
  const [ada] = await people('ada');
  const [open, shut] = [await rows.publish(graphOf(enters({ kind: 'manual' }))), await rows.publish(graphOf(enters({ kind: 'manual' }), exit('bye')))];
  expect(await letIn(open, ada!)).toMatchObject({ enrolled: 1, cohorts: [] });
  expect(await letIn(shut, ada!)).toMatchObject({ enrolled: 1, cohorts: [] });
  expect((await rows.runs(open)).map((run) => [run.node, run.state, run.isDue])).toEqual([['entry', 'completed', false]]);
  expect((await rows.runs(shut)).map((run) => [run.node, run.state])).toEqual([['bye', 'completed']]);
});

test('nobody is let in unseen by who suppresses her at the same moment', async () => {
  const ids = await people(...Array.from({ length: 40 }, (_, i) => `race${i}`));
  const journey = await rows.publish(resting({ kind: 'manual' }));
  await Promise.all(ids.flatMap((id) => [letIn(journey, id), rows.sql.transaction((tx) => suppress(tx, { customerIds: [id], reason: 'unsubscribed', source: 'webhook', causes: [''] }))]));
  await rows.drain();
  expect((await rows.runs(journey)).filter((run) => run.state === 'active')).toEqual([]);
});

test('paused, archived and draft journeys let nobody in', async () => {
  const [ada] = await people('ada');
  const journey = await rows.publish(resting({ kind: 'manual' }));
  for (const state of ['paused', 'archived'] as const) {
    await rows.move(journey, state);
    expect(await letIn(journey, ada!)).toBeNull();
  }
  await rows.sql.run(`update journey set state = 'draft' where id = $1`, [journey]);
  expect(await letIn(journey, ada!)).toBeNull();
});
