import { Context } from '@temporalio/activity';
import type { CampaignState, PauseReason } from '#domain/campaign/status.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../infra/container.ts';
import type { Sql } from '../infra/db/sql.ts';
import { doubt } from '../infra/mail/ledger.ts';
import { harmSql } from '../infra/mail/safety.ts';
import { loadMail } from '../infra/mail/source.ts';
import { createTrackingIds } from '../infra/mail/tracking-id.ts';
import { compileVariants } from '../infra/mail/variants.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import type { CampaignInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { resolveAudience } from './audience.ts';
import { certify } from './certificate.ts';
import { translating } from './errors.ts';

export interface CampaignStanding {
  readonly state: CampaignState;
  readonly reason: PauseReason | null;
  readonly isFrozen: boolean;
  /** When it is to start, epoch ms; of a scheduled one. */
  readonly scheduledAt: number | null;
  /** Whether an ended campaign still has its rest to skip and its books to close. */
  readonly isOpen: boolean;
}

const HEARTBEAT_MS = 5_000;
/** Ordinals of one outbox row when a campaign ends. */
const TOLD_AT_END = 10_000;

export type CampaignActivities = ReturnType<typeof createCampaignActivities>;

/** What `campaignWorkflow` does to the campaign's row and its audience. Each activity may be repeated; all of a campaign's state is written here. */
export function createCampaignActivities(container: Container) {
  const { tenants, secrets, config } = container;
  const ids = createTrackingIds(secrets);
  const inTenant = <T>(input: CampaignInput, work: (tenant: Tenant) => Promise<T>): Promise<T> => tenants.use(input.orgId, work);

  /** A change of state, one version later. @param set further columns, `$2`… are `values`. @returns whether it was in one of `from` */
  async function move(sql: Sql, input: CampaignInput, from: readonly CampaignState[], to: CampaignState, set = '', values: readonly unknown[] = []): Promise<boolean> {
    const states = from.map((state) => `'${state}'`).join(', ');
    return (await sql.run(`update campaign set state = '${to}', version = version + 1, updated_at = now()${set} where id = $1 and state in (${states})`, [input.campaignId, ...values])) === 1;
  }
  // After the campaign's own row: all who hold both rows take them in this order.
  const close = (tx: Sql, input: CampaignInput) => tx.run('update mail set open = false where no = $1', [input.mailNo]);

  return translating({
    /** Where the campaign stands by its rows: a run that follows a lost one goes on from here. */
    readCampaign: (input: CampaignInput): Promise<CampaignStanding> =>
      inTenant(input, async ({ sql }) => {
        const row = await sql.first<CampaignStanding>(
          `select state, reason, frozen_at is not null as "isFrozen", floor(extract(epoch from scheduled_at) * 1000)::float8 as "scheduledAt", certificate is null and frozen_at is not null as "isOpen"
             from campaign where id = $1 and mail_no = $2`,
          [input.campaignId, input.mailNo],
        );
        if (row === undefined) throw new AppError('not_found', 'This campaign does not exist.');
        return row;
      }),

    /** A scheduled campaign's time has come. */
    beginCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, async ({ sql }) => void (await move(sql, input, ['scheduled'], 'running', ", phase = 'resolving', launched_at = now()"))),

    /** It was not started within six hours of its time: a person decides. */
    missCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, async ({ sql }) => void (await move(sql, input, ['scheduled'], 'paused', ", reason = 'missed_time', phase = 'resolving', launched_at = now()"))),

    unscheduleCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, async ({ sql }) => void (await move(sql, input, ['scheduled'], 'draft', ', scheduled_at = null'))),

    /**
     * Resolves the audience and freezes it with its slices. All rows appear in one transaction; before it nothing can be sent.
     * @returns number of recipients
     */
    freezeAudience: (input: CampaignInput): Promise<number> =>
      inTenant(input, async (tenant) => {
        const frozen = await tenant.sql.first<{ recipients: number }>('select recipients from campaign where id = $1 and frozen_at is not null', [input.campaignId]);
        if (frozen !== undefined) return frozen.recipients;
        const mail = await loadMail(tenant, input.mailNo);
        if (mail === undefined) throw new AppError('not_found', 'This campaign does not exist.');
        const { links } = compileVariants(mail, { ids, baseUrl: config.FERMATA_BASE_URL });
        const context = Context.current();
        return alive(HEARTBEAT_MS, () => resolveAudience(tenant, input, links, () => context.cancellationSignal.throwIfAborted()));
      }),

    /** Closes the mail with it, so that no intent is granted from this commit on. */
    pauseCampaign: (input: CampaignInput, why: { readonly reason: PauseReason; readonly detail: string | null }): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          await move(tx, input, ['running'], 'paused', ', reason = $2, state_detail = $3', [why.reason, why.detail]);
          await close(tx, input);
        }),
      ),

    resumeCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          // After a safety stop a person has read why: from here on it is judged anew.
          const resumed = await move(tx, input, ['paused', 'running'], 'running',
            `, accepted_harm = case when reason in ('complaint_rate', 'bounce_rate') then (select to_jsonb(h) from (${harmSql('$2')}) h) else accepted_harm end, reason = null, state_detail = null`, [input.mailNo]);
          if (resumed) await tx.run('update mail set open = true where no = $1 and exists (select 1 from lane where mail_no = $1)', [input.mailNo]);
        }),
      ),

    cancelCampaign: (input: CampaignInput): Promise<void> =>
      inTenant(input, ({ sql }) =>
        sql.transaction(async (tx) => {
          await move(tx, input, ['running', 'paused'], 'cancelled', ", reason = 'user', state_detail = null, ended_at = now()");
          await close(tx, input);
        }),
      ),

    /** A fault that resuming cannot repair. */
    failCampaign: (input: CampaignInput, why: { readonly reason: string; readonly detail: string }): Promise<void> =>
      inTenant(input, async ({ sql }) => {
        await sql.transaction(async (tx) => {
          const failed = await move(tx, input, ['running', 'paused'], 'failed', ', phase = null, phase_until = null, reason = $2, state_detail = $3, ended_at = now()', [why.reason, why.detail]);
          await close(tx, input);
          if (failed) await tellAllSent(tx, input.mailNo);
        });
        await dropStaged(sql, input);
      }),

    /**
     * Closes the books: recounts from the ledger and completes the campaign when everyone has ended. Of a cancelled
     * campaign the rest is skipped.
     * @returns how many are still pending; 0 when it is over
     */
    finishCampaign: (input: CampaignInput): Promise<number> =>
      inTenant(input, ({ sql }) => alive(HEARTBEAT_MS, async () => {
        const pending = await sql.transaction((tx) => finish(tx, input));
        await dropStaged(sql, input);
        return pending;
      })),

    /** Recounts an ended campaign from its ledger and from what customers' records hold. @returns false while the index has not heard of every mail */
    certifyCampaign: (input: CampaignInput): Promise<boolean> => inTenant(input, ({ sql }) => alive(HEARTBEAT_MS, () => certify(sql, input))),
  });
}

async function finish(tx: Sql, input: CampaignInput): Promise<number> {
  const campaign = await tx.first<{ state: CampaignState; recipients: number | null }>('select state, recipients from campaign where id = $1 for update', [input.campaignId]);
  // Fences every lane: nothing leaves the state it has, but for late outcomes of mails in doubt.
  await tx.run('delete from lane where mail_no = $1', [input.mailNo]);
  const mail = await tx.first<{ epoch: number }>('update mail set epoch = epoch + 1 where no = $1 returning epoch', [input.mailNo]);
  if (mail === undefined || campaign === undefined || campaign.state === 'completed' || campaign.state === 'failed') return 0;
  await doubt(tx, { mailNo: input.mailNo, from: 1, to: campaign.recipients ?? 0, before: mail.epoch, shard: 0 });
  if (campaign.state === 'cancelled') {
    await tx.run("update message set state = 4, reason = 'cancelled', ended_at = now() where mail_no = $1 and state = 0", [input.mailNo]);
  }
  const pending = await tx.first<{ count: number }>('select count(*)::int as count from message where mail_no = $1 and state = 0', [input.mailNo]);
  if (pending !== undefined && pending.count > 0) {
    // Rows that a lost attempt gave up: their slices are walked again.
    await tx.run(
      `update slice s set next_ordinal = least(s.next_ordinal, p.first) from (
         select s.id, min(m.ordinal) as first from slice s join message m on m.mail_no = s.mail_no and m.ordinal between s.first_ordinal and s.last_ordinal
          where s.mail_no = $1 and m.state = 0 group by s.id) p where s.id = p.id`, [input.mailNo]);
    return pending.count;
  }
  await recount(tx, input.mailNo);
  await tellAllSent(tx, input.mailNo);
  await tx.run('update mail set open = false where no = $1', [input.mailNo]);
  await tx.run('delete from retry where mail_no = $1', [input.mailNo]);
  await tx.run(
    `update campaign set phase = null, phase_until = null, state = case state when 'cancelled' then state else 'completed' end, reason = case state when 'cancelled' then reason end,
            version = version + 1, updated_at = now(), ended_at = coalesce(ended_at, now()) where id = $1`,
    [input.campaignId],
  );
  return 0;
}

/** An audience that was read and never frozen goes. By itself: who erases holds the staged ones before messages. */
async function dropStaged(sql: Sql, input: CampaignInput): Promise<void> {
  await sql.run('delete from audience_staging where mail_no = $1', [input.mailNo]);
}

/** The index was told while it was sent, but for what a crash kept back: who is known already costs a look. */
async function tellAllSent(tx: Sql, mailNo: number): Promise<void> {
  await tx.run(`insert into outbox (topic, ids, payload) select 'sent', array[first, first + ${TOLD_AT_END - 1}], jsonb_build_object('mail', $1::int)
    from generate_series(1, (select coalesce(max(ordinal), 0) from message where mail_no = $1), ${TOLD_AT_END}) first`, [mailNo]);
}

/** The counters agree with the ledger from here on: what differs is added, to the current hour. What others add meanwhile stays. */
async function recount(tx: Sql, mailNo: number): Promise<void> {
  await tx.run(
    `with ledger as (
       select coalesce(connection_no, 0) as connection_no, coalesce(variant, 0) as variant, count(*) filter (where state = 2) as sent, count(*) filter (where state = 3) as failed,
              count(*) filter (where state = 4) as skipped, count(*) filter (where state = 5) as in_doubt from message where mail_no = $1 group by 1, 2),
     counted as (
       select connection_no, variant, sum(sent) as sent, sum(failed) as failed, sum(skipped) as skipped, sum(in_doubt) as in_doubt from mail_count where mail_no = $1 group by 1, 2)
     insert into mail_count (mail_no, hour, connection_no, variant, shard, sent, failed, skipped, in_doubt)
     select $1, date_trunc('hour', now(), 'UTC'), connection_no, variant, 0, coalesce(l.sent, 0) - coalesce(c.sent, 0), coalesce(l.failed, 0) - coalesce(c.failed, 0),
            coalesce(l.skipped, 0) - coalesce(c.skipped, 0), coalesce(l.in_doubt, 0) - coalesce(c.in_doubt, 0)
       from ledger l full join counted c using (connection_no, variant)
      where (coalesce(l.sent, 0), coalesce(l.failed, 0), coalesce(l.skipped, 0), coalesce(l.in_doubt, 0)) is distinct from (coalesce(c.sent, 0), coalesce(c.failed, 0), coalesce(c.skipped, 0), coalesce(c.in_doubt, 0))
     on conflict (mail_no, hour, connection_no, variant, shard) do update
        set sent = mail_count.sent + excluded.sent, failed = mail_count.failed + excluded.failed,
            skipped = mail_count.skipped + excluded.skipped, in_doubt = mail_count.in_doubt + excluded.in_doubt`,
    [mailNo],
  );
  await tx.run(
    `with ledger as (
       select state, coalesce(reason, 'other') as reason, count(*) as count from message where mail_no = $1 and state in (3, 4, 5) group by 1, 2),
     counted as (
       select state, reason, sum(count) as count from reason_count where mail_no = $1 group by 1, 2)
     insert into reason_count (mail_no, state, reason, count)
     select $1, state, reason, coalesce(l.count, 0) - coalesce(c.count, 0) from ledger l full join counted c using (state, reason) where coalesce(l.count, 0) <> coalesce(c.count, 0)
     on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count`,
    [mailNo],
  );
}
