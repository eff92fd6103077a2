import { Context } from '@temporalio/activity';
import { laneCount, sessionsOfLane } from '#domain/campaign/ranges.ts';
import type { CampaignPhase, CampaignState } from '#domain/campaign/status.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../infra/container.ts';
import { compileMail } from '../infra/mail/content.ts';
import { doubt } from '../infra/mail/ledger.ts';
import { loadMail } from '../infra/mail/source.ts';
import { createTrackingIds } from '../infra/mail/tracking-id.ts';
import type { Sql } from '../infra/db/sql.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import type { CampaignInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { resolveAudience } from './audience.ts';
import { translating } from './errors.ts';

export interface CampaignStanding {
  readonly state: CampaignState;
  readonly isFrozen: boolean;
  /** Ordinals are 1 to this. */
  readonly recipients: number;
}

export interface Lanes {
  readonly ids: readonly number[];
  readonly recipients: number;
}

export interface RetryStanding {
  readonly waiting: number;
  /** Milliseconds until the next is due; 0 when some are. */
  readonly dueInMs: number;
}

const HEARTBEAT_MS = 5_000;

/** Ordinals of one outbox row when a campaign ends. */
const TOLD_AT_END = 10_000;

export type CampaignActivities = ReturnType<typeof createCampaignActivities>;

/** What `campaignWorkflow` does to rows. Each activity may be repeated; all of a campaign's state is written here. */
export function createCampaignActivities(container: Container) {
  const { tenants, secrets, config } = container;
  const ids = createTrackingIds(secrets);
  const inTenant = <T>(input: CampaignInput, work: (tenant: Tenant) => Promise<T>): Promise<T> => tenants.use(input.orgId, work);

  return translating({
    /** Where the campaign stands by its rows: a run that follows a lost one goes on from here. */
    readCampaign: (input: CampaignInput): Promise<CampaignStanding> =>
      inTenant(input, async ({ sql }) => {
        const row = await sql.first<CampaignStanding>(
          `select c.state, s.id is not null as "isFrozen", coalesce(s.last_ordinal, 0) as recipients
             from campaign c left join slice s on s.mail_no = c.mail_no where c.id = $1 and c.mail_no = $2`,
          [input.campaignId, input.mailNo],
        );
        if (row === undefined) throw new AppError('not_found', 'This campaign does not exist.');
        return row;
      }),

    /**
     * Resolves the audience and freezes it: who is in gets a ledger row with an ordinal in seeded random order, so that
     * any range is a random sample. All rows appear in one transaction; before it nothing can be sent.
     * @returns number of recipients
     */
    freezeAudience: (input: CampaignInput): Promise<number> =>
      inTenant(input, async (tenant) => {
        const frozen = await tenant.sql.first<{ last: number }>('select last_ordinal as last from slice where mail_no = $1', [input.mailNo]);
        if (frozen !== undefined) return frozen.last;
        const mail = await loadMail(tenant, secrets, input.mailNo);
        if (mail === undefined) throw new AppError('invalid', 'The connection of this campaign is gone.');
        const { urls } = compileMail(mail.source, { ids, baseUrl: config.FERMATA_BASE_URL });
        const context = Context.current();
        return alive(HEARTBEAT_MS, () => resolveAudience(tenant, input, urls, () => context.cancellationSignal.throwIfAborted()));
      }),

    /** Makes the lanes of this run, which fences every lane of earlier ones, and lets mail out while the campaign runs. */
    openLanes: (input: CampaignInput): Promise<Lanes> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          await tx.run('delete from lane where mail_no = $1', [input.mailNo]);
          const slice = await tx.first<{ id: number; last: number; parallel: number }>(
            `select s.id, s.last_ordinal as last, n.parallel from slice s join connection n on n.no = s.connection_no where s.mail_no = $1`,
            [input.mailNo],
          );
          if (slice === undefined) throw new AppError('invalid', 'The audience of this campaign is not frozen.');
          const count = laneCount(slice.last, slice.parallel);
          const lanes = await tx.rows<{ id: number }>(
            'insert into lane (mail_no, slice_id, shard, sessions) select $1, $2, s, n from unnest($3::int2[], $4::int2[]) u(s, n) returning id',
            [input.mailNo, slice.id, Array.from({ length: count }, (_, i) => i + 1), Array.from({ length: count }, (_, i) => sessionsOfLane(slice.parallel, count, i))],
          );
          await tx.run("update mail set open = true where no = $1 and exists (select 1 from campaign where mail_no = $1 and state = 'running')", [input.mailNo]);
          return { ids: lanes.map((lane) => lane.id), recipients: slice.last };
        }),
      ),

    setPhase: (input: CampaignInput, phase: CampaignPhase): Promise<void> =>
      inTenant(input, async ({ sql }) => void (await sql.run('update campaign set phase = $2 where id = $1', [input.campaignId, phase]))),

    /** Closes the mail first, so that no intent is granted from this commit on. */
    pauseCampaign: (input: CampaignInput, why: { readonly reason: string; readonly detail: string | null }): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          await tx.run('update mail set open = false where no = $1', [input.mailNo]);
          await tx.run("update campaign set state = 'paused', reason = $2, state_detail = $3, version = version + 1, updated_at = now() where id = $1 and state = 'running'", [input.campaignId, why.reason, why.detail]);
          const broken = why.reason !== 'user';
          if (broken) await tx.run("update connection set health = 'broken', health_reason = $2 where id = (select connection_id from campaign where id = $1)", [input.campaignId, why.detail]);
        }),
      ),

    resumeCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          const resumed = await tx.run("update campaign set state = 'running', reason = null, state_detail = null, version = version + 1, updated_at = now() where id = $1 and state in ('paused', 'running')", [input.campaignId]);
          if (resumed === 1) await tx.run('update mail set open = true where no = $1 and exists (select 1 from lane where mail_no = $1)', [input.mailNo]);
        }),
      ),

    cancelCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          await tx.run('update mail set open = false where no = $1', [input.mailNo]);
          await tx.run("update campaign set state = 'cancelled', reason = 'user', state_detail = null, version = version + 1, updated_at = now(), ended_at = now() where id = $1 and state in ('running', 'paused')", [input.campaignId]);
        }),
      ),

    /** A fault that resuming cannot repair. */
    failCampaign: (input: CampaignInput, why: { readonly reason: string; readonly detail: string }): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          await tx.run('update mail set open = false where no = $1', [input.mailNo]);
          const failed = await tx.run("update campaign set state = 'failed', phase = null, reason = $2, state_detail = $3, version = version + 1, updated_at = now(), ended_at = now() where id = $1 and state in ('running', 'paused')", [input.campaignId, why.reason, why.detail]);
          if (failed > 0) await tellAllSent(tx, input.mailNo);
        }),
      ),

    readRetries: (input: CampaignInput): Promise<RetryStanding> =>
      inTenant(input, async ({ sql }) => {
        const row = await sql.first<{ waiting: number; due: number | null }>(
          'select count(*)::int as waiting, (extract(epoch from min(due_at) - now()) * 1000)::float8 as due from retry where mail_no = $1',
          [input.mailNo],
        );
        return { waiting: row?.waiting ?? 0, dueInMs: Math.max(0, Math.ceil(row?.due ?? 0)) };
      }),

    /**
     * Recounts from the ledger and completes the campaign if nobody is left; a cancelled one gets its rest skipped.
     * @returns recipients still pending: when not 0, the campaign is not completed
     */
    finishCampaign: (input: CampaignInput): Promise<number> => inTenant(input, ({ sql }) => finish(sql, input)),
  });
}

async function finish(sql: Sql, input: CampaignInput): Promise<number> {
  return sql.transaction(async (tx) => {
    const campaign = await tx.first<{ state: CampaignState }>('select state from campaign where id = $1 for update', [input.campaignId]);
    if (campaign === undefined || campaign.state === 'completed' || campaign.state === 'failed') return 0;
    const lanes = await tx.first<{ epoch: number }>('update mail set epoch = epoch + 1 where no = $1 returning epoch', [input.mailNo]);
    await tx.run('delete from lane where mail_no = $1', [input.mailNo]);
    await doubt(tx, { mailNo: input.mailNo, from: 1, to: 2_147_483_647, before: lanes?.epoch ?? 1, shard: 0 });
    if (campaign.state === 'cancelled') {
      await tx.run("update message set state = 4, reason = 'cancelled', ended_at = now() where mail_no = $1 and state = 0", [input.mailNo]);
      await tx.run('delete from retry where mail_no = $1', [input.mailNo]);
    }
    const pending = await tx.first<{ count: number }>('select count(*)::int as count from message where mail_no = $1 and state = 0', [input.mailNo]);
    if (pending !== undefined && pending.count > 0) return pending.count;
    await recount(tx, input.mailNo);
    await tellAllSent(tx, input.mailNo);
    await tx.run('update mail set open = false where no = $1', [input.mailNo]);
    await tx.run('delete from retry where mail_no = $1', [input.mailNo]);
    await tx.run(
      `update campaign set phase = null, state = case state when 'cancelled' then state else 'completed' end, reason = case state when 'cancelled' then reason end,
              version = version + 1, updated_at = now(), ended_at = coalesce(ended_at, now()) where id = $1`,
      [input.campaignId],
    );
    return 0;
  });
}

/** The index was told while it was sent, but for what a crash kept back: who is known already costs a look. */
async function tellAllSent(tx: Sql, mailNo: number): Promise<void> {
  await tx.run(`insert into outbox (topic, ids, payload) select 'sent', array[first, first + ${TOLD_AT_END - 1}], jsonb_build_object('mail', $1::int)
    from generate_series(1, (select coalesce(max(ordinal), 0) from message where mail_no = $1), ${TOLD_AT_END}) first`, [mailNo]);
}

/** The counters agree with the ledger from here on: what differs is added to the current hour. */
async function recount(tx: Sql, mailNo: number): Promise<void> {
  await tx.run(
    `with ledger as (select count(*) filter (where state = 2) as sent, count(*) filter (where state = 3) as failed,
                            count(*) filter (where state = 4) as skipped, count(*) filter (where state = 5) as in_doubt from message where mail_no = $1),
     counted as (select coalesce(sum(sent), 0) as sent, coalesce(sum(failed), 0) as failed, coalesce(sum(skipped), 0) as skipped, coalesce(sum(in_doubt), 0) as in_doubt from mail_count where mail_no = $1)
     insert into mail_count (mail_no, hour, shard, sent, failed, skipped, in_doubt)
     select $1, date_trunc('hour', now(), 'UTC'), 0, l.sent - c.sent, l.failed - c.failed, l.skipped - c.skipped, l.in_doubt - c.in_doubt from ledger l, counted c
      where (l.sent, l.failed, l.skipped, l.in_doubt) is distinct from (c.sent, c.failed, c.skipped, c.in_doubt)
     on conflict (mail_no, hour, shard) do update
        set sent = mail_count.sent + excluded.sent, failed = mail_count.failed + excluded.failed,
            skipped = mail_count.skipped + excluded.skipped, in_doubt = mail_count.in_doubt + excluded.in_doubt`,
    [mailNo],
  );
}
