import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createStageActivities } from '../../activities/campaign-stage.ts';
import { resolveAudience } from '../../activities/audience.ts';
import type { Sql } from '../../infra/db/sql.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { asActivity } from '../support/activity.ts';
import { createLaunchedCampaign, type TestCampaign } from '../support/campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** The moment in which an audience becomes rows: whole or not at all, and nobody waits for it who need not. */

let organization: TestOrganization;
beforeAll(async () => {
  organization = await createTestOrganization();
}, 60_000);
afterAll(() => organization.close());

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
const launched = (recipients: number) => createLaunchedCampaign(organization, { recipients, port: 1 });
const frozen = async ({ campaignId, mailNo }: TestCampaign) =>
  (await sql<{ recipients: number | null; messages: number; slices: number }>(
    'select recipients, (select count(*)::int from message where mail_no = $2) as messages, (select count(*)::int from slice where mail_no = $2) as slices from campaign where id = $1', [campaignId, mailNo]))[0];
/** Resolves with something done between the staging and the freeze, or in it, when all rows are there and only the campaign does not know yet. */
const resolve = (campaign: TestCampaign, meddle: { readonly before?: (sql: Sql) => Promise<unknown>; readonly within?: () => Promise<unknown> } = {}) =>
  organization.container.tenants.use(organization.orgId, (tenant) => {
    const meddled: Tenant = {
      ...tenant,
      sql: {
        ...tenant.sql,
        transaction: async (work) => {
          await meddle.before?.(tenant.sql);
          return tenant.sql.transaction((tx) => work({
            ...tx,
            run: async (query, values) => {
              if (String(query).startsWith('update campaign')) await meddle.within?.();
              return tx.run(query, values);
            },
          }));
        },
      },
    };
    return resolveAudience(meddled, campaign, [], () => undefined);
  });

test('an audience of which the database lost a part (it crashed in between) is not frozen in part, and the next attempt has everybody', async () => {
  const campaign = await launched(50);
  await expect(resolve(campaign, { before: (on) => on.run('delete from audience_staging where mail_no = $1 and customer_id % 2 = 0', [campaign.mailNo]) })).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('Of 50 people only 25') });
  expect(await frozen(campaign)).toEqual({ recipients: null, messages: 0, slices: 0 });
  await expect(resolve(campaign, { before: (on) => on.run('truncate audience_staging') })).rejects.toMatchObject({ code: 'unavailable' });
  expect(await frozen(campaign)).toEqual({ recipients: null, messages: 0, slices: 0 });
  expect(await resolve(campaign)).toBe(50);
  expect(await frozen(campaign)).toMatchObject({ recipients: 50, messages: 50 });
});

test('of an attempt that wakes late and its successor the later one alone freezes, whatever the first still has', async () => {
  const campaign = await launched(40);
  let isSecondDone: (() => void) | undefined;
  const second = new Promise<void>((done) => { isSecondDone = done; });
  // The first stands between staging and freeze while the second stages anew; half of its people have left the list by then.
  const first = resolve(campaign, { before: async (on) => {
    await on.run('delete from list_member where list_id = $1 and customer_id % 2 = 0', [campaign.listId]);
    void resolve(campaign).then(() => isSecondDone?.(), () => isSecondDone?.());
    await second;
  } });
  await expect(first).rejects.toThrow();
  expect(await frozen(campaign)).toMatchObject({ recipients: 20, messages: 20 });
});

test('two attempts at the same moment freeze once', async () => {
  const campaign = await launched(60);
  const both = await Promise.allSettled([resolve(campaign), resolve(campaign)]);
  expect(both.some((each) => each.status === 'fulfilled')).toBe(true);
  expect(await frozen(campaign)).toMatchObject({ recipients: 60, messages: 60, slices: 1 });
});

test('everybody unmailable is an audience of nobody, and it is no loss', async () => {
  const campaign = await launched(5);
  await sql('update customer c set is_unsubscribed = true from list_member m where m.list_id = $1 and m.customer_id = c.id', [campaign.listId]);
  expect(await resolve(campaign)).toBe(0);
  expect(await frozen(campaign)).toEqual({ recipients: 0, messages: 0, slices: 0 });
  await sql('update customer set is_unsubscribed = false');
});

test('a pause, a resume and a cancel do not wait for a freeze that goes on', async () => {
  const campaign = await launched(30);
  const activities = createCampaignActivities(organization.container);
  let go: (() => void) | undefined;
  let isInside = false;
  const freezing = resolve(campaign, { within: () => { isInside = true; return new Promise<void>((done) => { go = done; }); } });
  await expect.poll(() => isInside).toBe(true);
  const startedAt = performance.now();
  await activities.pauseCampaign(campaign, { reason: 'user', detail: null });
  await activities.resumeCampaign(campaign);
  await activities.cancelCampaign(campaign);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  go?.();
  expect(await freezing).toBe(30);
  expect(await sql('select state, recipients from campaign where id = $1', [campaign.campaignId])).toEqual([{ state: 'cancelled', recipients: 30 }]);
});

test('commands, plans and the closing of the books at the same moment never lock each other out', async () => {
  const campaign = await launched(200);
  await resolve(campaign);
  const activities = createCampaignActivities(organization.container);
  const stages = createStageActivities(organization.container);
  for (let round = 0; round < 40; round += 1) {
    await Promise.all([
      stages.nextStage(campaign), activities.pauseCampaign(campaign, { reason: 'user', detail: null }), activities.resumeCampaign(campaign),
      asActivity(activities.finishCampaign, campaign), stages.setPhase(campaign, 'waiting_for_limit', Date.now() + 1_000), stages.nextStage(campaign), activities.pauseCampaign(campaign, { reason: 'user', detail: null }),
    ]);
    await activities.resumeCampaign(campaign);
  }
  expect(await sql('select count(*)::int as pending from message where mail_no = $1 and state = 0', [campaign.mailNo])).toEqual([{ pending: 200 }]);
}, 60_000);
