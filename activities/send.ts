import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import type { RangeJob, SendEngine } from '../infra/mail/engine.ts';
import { doubt } from '../infra/mail/ledger.ts';
import type { RangeResult } from '../infra/mail/range-run.ts';
import { translating } from './errors.ts';

export type SendActivities = ReturnType<typeof createSendActivities>;

/** Sending on the worker's engine: ranges in, counts out. */
export function createSendActivities(engine: SendEngine, { tenants }: Pick<Container, 'tenants'>) {
  const alive = () => {
    const context = Context.current();
    return () => context.heartbeat();
  };

  /** Nothing goes over a connection that a person has disabled: a run under way returns within 5 s, as after any edit of it, and none begins. */
  async function refusal(job: RangeJob): Promise<RangeResult | null> {
    const disabled = await tenants.use(job.orgId, ({ sql }) => sql.first<{ no: number; name: string }>('select n.no, n.name from lane l join connection n on n.no = l.connection_no where l.id = $1 and not n.enabled', [job.laneId]));
    if (disabled === undefined) return null;
    const stop = { kind: 'broken', connectionNo: disabled.no, reason: 'connection_disabled', detail: `The connection “${disabled.name}” is disabled.` } as const;
    return { next: job.from, sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop };
  }

  /**
   * The range of an attempt that was lost is looked through by the next one. Its retries lie elsewhere: those it left
   * `sending` become in doubt here, instead of at the campaign's end. Attempts of other lanes hold their epochs.
   */
  async function doubtLostRetries({ orgId, mailNo, laneId }: RangeJob): Promise<void> {
    await tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
      const mail = await tx.first<{ epoch: number }>('update mail set epoch = epoch + 1 where no = $1 returning epoch', [mailNo]);
      const lane = await tx.first<{ shard: number; connectionNo: number }>('update lane set epoch = $3 where id = $1 and mail_no = $2 returning shard, connection_no as "connectionNo"', [laneId, mailNo, mail?.epoch ?? 0]);
      if (mail === undefined || lane === undefined) return;
      const left = await tx.rows<{ ordinal: number }>(
        'select ordinal from message where mail_no = $1 and connection_no = $2 and state = 1 and attempt > 1 and epoch <> all (select epoch from lane where mail_no = $1) order by ordinal', [mailNo, lane.connectionNo]);
      await doubt(tx, { mailNo, from: 1, to: 0, ordinals: left.map((row) => row.ordinal), before: mail.epoch, shard: lane.shard });
    }));
  }

  async function run(job: RangeJob, send: SendEngine['sendRange']): Promise<RangeResult> {
    const refused = await refusal(job);
    if (refused !== null) return refused;
    if (job.withRetries && Context.current().info.attempt > 1) await doubtLostRetries(job);
    return send(job, alive());
  }

  return translating({
    sendRange: (job: RangeJob): Promise<RangeResult> => run(job, engine.sendRange),
    sendRetries: (job: RangeJob): Promise<RangeResult> => run(job, engine.sendRetries),
  });
}
