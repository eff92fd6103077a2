import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoJourney } from '../../infra/scripts/seed-journey-content.ts';
import { writeJourneyHistory } from '../../infra/scripts/seed-journey-history.ts';
import type { JourneyInput } from '../../workflows/contracts.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { connect, publishedJourney } from '../support/journey-api.ts';
import { journeyRows } from '../support/journey-rows.ts';
import { countersDiffer, overdue } from '../support/published-journey.ts';

/** The demo's living journey: its past is made up, what is told of it is counted. */

const PEOPLE = 400;
let api: TestApi;
let owner: TestUser;

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
}, 60_000);
afterAll(() => api.close());

test('weeks of a past: numbers on every step, goals, exits, and people inside whose runs begin', async () => {
  const [list, club] = [(await owner.post('/lists', { name: 'First cup' })).body.id, (await owner.post('/lists', { name: 'Tasting club' })).body.id];
  const emails = Array.from({ length: PEOPLE }, (_, i) => `guest${i}@harbour.example`);
  await owner.post('/customers/batch', { customers: emails.map((email, i) => ({ email, listIds: [list], ...(i % 3 === 0 ? { timezone: 'America/New_York' } : {}) })) });
  const id = await publishedJourney(owner, 'Welcome aboard', demoJourney({ list, club, connection: await connect(owner) }));
  const draft = await owner.post(`/journeys/${id}/draft`, {});
  expect(draft.body.problems).toEqual([]);

  const begun: JourneyInput[] = [];
  const gateway = { ...api.container.gateway, startCohort: (input: JourneyInput) => { begun.push(input); return Promise.resolve(true); } };
  await writeJourneyHistory({ tenants: api.container.tenants, gateway }, { orgId: api.orgId, journeyId: id, listId: list, days: 28, emails });
  const { sql, drain } = await journeyRows(api);
  expect(await drain()).toEqual({ started: [], woken: [] });

  const { total, steps } = (await owner.get(`/journeys/${id}/analytics`)).body;
  expect(total).toMatchObject({ enrolled: PEOPLE, byReason: { goal: expect.any(Number), unsubscribed: expect.any(Number) } });
  for (const count of [total.active, total.completed, total.byReason.goal, total.goals - total.byReason.goal]) expect(count).toBeGreaterThan(5);
  const { graph } = (await owner.get(`/journeys/${id}/graph`)).body;
  for (const node of graph.nodes as { id: string; kind: string }[]) {
    if (node.kind === 'entry') continue;
    const seen = steps[node.id];
    expect(seen.waiting + seen.processed + (seen.ended.completed ?? 0), node.id).toBeGreaterThan(0);
    expect(seen.overdue, node.id).toBe(0);
    if (node.kind === 'send') expect([seen.mail.sent > 0, seen.mail.opened > 0, seen.mail.clicked > 0, seen.mail.opened < seen.mail.sent], node.id).toEqual([true, true, true, true]);
  }
  for (const delay of ['wait-3-days', 'wait-4-days', 'click']) expect(steps[delay].waiting, delay).toBeGreaterThan(5);
  expect(steps.opened.ports).toEqual({ yes: expect.any(Number), no: expect.any(Number) });

  const known = { organization: api, id };
  expect(await countersDiffer(known)).toEqual([]);
  expect(await overdue(known)).toEqual([]);
  // Every cohort has its run, and nobody is due before now.
  expect(begun.map(({ cohortId }) => cohortId).sort((a, b) => a - b)).toEqual((await sql.rows<{ id: number }>('select id from cohort order by id')).map((row) => row.id));
  expect(await sql.rows(`select 1 from enrollment where state = 'active' and due_at <= now() - interval '1 minute'`)).toEqual([]);
  expect(await sql.rows(`select 1 from enrollment where entered_at < (select published_at from journey_version where no = 1) or entered_at > now()`)).toEqual([]);
  // Who left is not mailed again, and reports know when mails were sent.
  expect(await sql.rows(`select 1 from customer c join enrollment e on e.customer_id = c.id where e.reason = 'unsubscribed' and c.mailable`)).toEqual([]);
  expect((await sql.first<{ n: number }>(`select count(distinct date_trunc('day', hour))::int as n from mail_count where sent > 0`))!.n).toBeGreaterThan(20);
  const someone = (await owner.get(`/journeys/${id}/enrollments?state=completed&limit=1`)).body.data[0];
  expect((await owner.get(`/journeys/${id}/enrollments/${someone.id}`)).body.path.map((visit: { port: string }) => visit.port)).toContain('next');
}, 90_000);
