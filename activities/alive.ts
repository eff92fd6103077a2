import { Context } from '@temporalio/activity';

/** Heartbeats by the clock while the work runs: one statement over millions of rows may take longer than a heartbeat may be missing. */
export async function alive<T>(everyMs: number, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
