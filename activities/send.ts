import { Context } from '@temporalio/activity';
import type { RangeJob, SendEngine } from '../infra/mail/engine.ts';
import type { RangeResult } from '../infra/mail/range-run.ts';
import { translating } from './errors.ts';

export type SendActivities = ReturnType<typeof createSendActivities>;

/** Sending on the worker's engine: ranges in, counts out. */
export function createSendActivities(engine: SendEngine) {
  const alive = () => {
    const context = Context.current();
    return () => context.heartbeat();
  };
  return translating({
    sendRange: (job: RangeJob): Promise<RangeResult> => engine.sendRange(job, alive()),
    sendRetries: (job: RangeJob): Promise<RangeResult> => engine.sendRetries(job, alive()),
  });
}
