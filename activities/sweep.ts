import type { Container } from '../infra/container.ts';
import { removeLeftAddressFiles } from '../infra/customers/address-file.ts';
import { expireExports } from '../infra/exports/files.ts';
import { expireSignUps } from '../infra/forms/expire.ts';
import { removeOldFiles } from '../infra/imports/retention.ts';
import { findOverdue } from '../infra/journeys/overdue.ts';
import { tellCohorts } from '../infra/journeys/nudge.ts';
import { closeDoubts } from '../infra/mail/doubts.ts';
import { translating } from './errors.ts';
import { SEGMENTS_EVERY } from './journey-control/segments.ts';
import { attemptClock } from './journeys/cohort.ts';

/** What had been lost, counted: work that had its workflow, a paused campaign for example, is not in it. */
export interface SweepResult {
  readonly campaigns: number;
  readonly imports: number;
  /** Exports, bulk actions, sign-ups, removals, searches of kept files, long work on journeys. */
  readonly jobs: number;
  readonly outboxes: number;
  /** Cohorts of journeys where somebody was due or woken for too long. */
  readonly cohorts: number;
}

export type SweepActivities = ReturnType<typeof createSweepActivities>;

/** Finds what lost its nudge: Temporal was down, wiped or restored, or a process died between commit and nudge. */
export function createSweepActivities({ tenants, gateway, logger, config }: Pick<Container, 'tenants' | 'gateway' | 'logger' | 'config'>) {
  return translating({
    /** Starts a workflow for every campaign, import and job that is not over (one that has one keeps it), wakes outboxes with old rows and cohorts with somebody overdue, and closes old doubts. */
    async sweep(): Promise<SweepResult> {
      const lost = { campaigns: 0, imports: 0, jobs: 0, outboxes: 0, cohorts: 0 };
      const now = attemptClock();
      const count = async (kind: keyof SweepResult, began: Promise<boolean>) => { if (await began) lost[kind] += 1; };
      for (const org of await tenants.list()) {
        if (org.state !== 'active') continue;
        try {
          const found = await tenants.use(org.id, async ({ sql }) => ({
            campaigns: await sql.rows<{ campaignId: string; mailNo: number }>(
              `select c.id as "campaignId", c.mail_no as "mailNo" from campaign c
                where (c.state in ('scheduled', 'running', 'paused') or (c.state = 'cancelled' and c.phase is not null) or (c.state in ('completed', 'cancelled') and c.frozen_at is not null and c.certificate is null)) and c.updated_at < now() - interval '10 seconds'`,
            ),
            imports: await sql.rows<{ id: string }>("select id from import_job where state in ('queued', 'validating', 'running') and created_at < now() - interval '30 seconds'"),
            exports: await sql.rows<{ id: string }>("select id from export_job where state in ('queued', 'running') and created_at < now() - interval '30 seconds'"),
            bulk: await sql.rows<{ id: string }>("select id from bulk_job where state in ('queued', 'collecting', 'running') and created_at < now() - interval '30 seconds'"),
            signUps: await sql.rows<{ no: number }>(`select no from sign_up where state = 'pending' and mail_state in ('queued', 'sending') and expires_at > now() and created_at < now() - interval '30 seconds'`),
            isUnsearched: (await sql.first("select 1 from erased_address where erased_at < now() - interval '30 seconds' limit 1")) !== undefined,
            journeys: await sql.rows<{ id: string }>("select distinct journey_id::text as id from journey_job where state in ('queued', 'running') and created_at < now() - interval '30 seconds'"),
            hasSegments: (await sql.first(SEGMENTS_DUE)) !== undefined,
            overdue: await findOverdue(sql, now()),
            lists: await sql.rows<{ id: string }>("select id from list_record where removing and updated_at < now() - interval '30 seconds'"),
            fields: await sql.rows<{ no: number }>('select field_no as no from custom_field where removing'),
            index: await sql.first<{ isBuilding: boolean; isUnchecked: boolean }>(INDEX_STANDING, [org.timezone]),
            isWaiting: (await sql.first("select 1 from outbox where created_at < now() - interval '10 seconds' limit 1")) !== undefined,
          }));
          for (const campaign of found.campaigns) await count('campaigns', gateway.startCampaign({ orgId: org.id, ...campaign }));
          for (const { id } of found.imports) await count('imports', gateway.startImport({ orgId: org.id, importId: id }));
          for (const { id } of found.exports) await count('jobs', gateway.startExport({ orgId: org.id, exportId: id }));
          for (const { id } of found.bulk) await count('jobs', gateway.startBulk({ orgId: org.id, bulkId: id }));
          for (const { no } of found.signUps) await count('jobs', gateway.startSignUp({ orgId: org.id, signUpNo: no }));
          for (const { id } of found.journeys) await count('jobs', gateway.startJourneyControl({ orgId: org.id, journeyId: id }));
          if (found.hasSegments) await gateway.startJourneySegments({ orgId: org.id });
          lost.cohorts += found.overdue.length;
          await tellCohorts(gateway, org.id, { started: [], woken: found.overdue }, (error) => { throw error; });
          if (found.isUnsearched) await count('jobs', gateway.startScrub({ orgId: org.id }));
          await tenants.use(org.id, async ({ sql }) => {
            await expireExports(sql, config, org.id);
            await removeLeftAddressFiles(sql, config, org.id);
            await expireSignUps(sql);
            await closeDoubts(sql);
            await sql.run(OLD_REFUSALS);
            await sql.run(OLD_EVENT_KEYS);
          });
          await tenants.use(org.id, ({ sql }) => removeOldFiles(sql, config, org.id));
          for (const { id } of found.lists) await count('jobs', gateway.removeList({ orgId: org.id, listId: id }));
          for (const { no } of found.fields) await count('jobs', gateway.removeField({ orgId: org.id, fieldNo: no }));
          if (found.isWaiting) gateway.nudgeOutbox(org.id);
          if (found.index?.isBuilding === true) await gateway.startReindex({ orgId: org.id, reason: 'fields' });
          if (found.index?.isUnchecked === true) await gateway.startReconcile({ orgId: org.id });
          lost.outboxes += found.isWaiting ? 1 : 0;
        } catch (error) {
          // One organization that cannot be reached does not hold up the others.
          logger.warn({ err: error, orgId: org.id }, 'the sweep could not look into an organization');
        }
      }
      return lost;
    },
  });
}

const SEGMENTS_DUE = `select 1 as found from journey_segment s join journey j on j.id = s.journey_id and j.state = 'published' where s.checked_at < now() - interval '${SEGMENTS_EVERY}' limit 1`;

/** A trigger that fires all day refuses thousands; the newest 20 are shown. */
const OLD_REFUSALS = `delete from journey_refusal where at < now() - interval '30 days' or id in (select id from (select id, row_number() over (partition by journey_id order by id desc) as n from journey_refusal) newest where n > 100)`;

// At most what 1,000 events a second bring in three minutes: a sweep a minute keeps up.
const OLD_EVENT_KEYS = `delete from event_key where hash = any(array(select hash from event_key where received_at < now() - interval '7 days' limit 200000))`;

// Once a night, at three in the organization's morning; one that missed its nights is looked at by day.
const INDEX_STANDING = /* sql */ `
select exists (select from search_index where state = 'building' and started_at < now() - interval '1 minute')
    or timezone <> $1 or exists (select from custom_field where wanted_type <> type and not removing) as "isBuilding",
  coalesce(checked_at, started_at) < now() - case when extract(hour from now() at time zone $1) = 3 then interval '12 hours' else interval '2 days' end as "isUnchecked"
from search_index where state = 'live'`;
