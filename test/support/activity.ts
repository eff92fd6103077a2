import { MockActivityEnvironment } from '@temporalio/testing';

/** Runs an activity where there is no worker: it may heartbeat, and nobody listens. It was scheduled at this moment. */
export function asActivity<A extends unknown[], R>(activity: (...args: A) => Promise<R>, ...args: A): Promise<R> {
  return new MockActivityEnvironment({ currentAttemptScheduledTimestampMs: Date.now() }).run(activity, ...args);
}
