import type { ActivityOptions } from '@temporalio/workflow';
import { queues } from './contracts.ts';

/** Activity options by name: no workflow types a timeout. */
export const policies = {
  /** One short transaction; its repetition is harmless. */
  control: {
    taskQueue: queues.engine,
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** Sets of millions of rows; starts over after a crash. */
  freeze: {
    taskQueue: queues.bulk,
    startToCloseTimeout: '2 hours',
    heartbeatTimeout: '60 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  },
  /** A range of the ledger. A dead worker is noticed by its silence after 10 s and the range goes to another. */
  send: {
    taskQueue: queues.send,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
  },
} as const satisfies Record<string, ActivityOptions>;
