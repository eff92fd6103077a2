import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import { queues } from './contracts.ts';

/** Activity options by name: no workflow types a timeout. */
export const policies = {
  /** One short transaction; its repetition is harmless. */
  control: {
    taskQueue: queues.engine,
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /**
   * One short transaction within the workflow task itself: 100 small campaigns cost Temporal and its workers half of what they do
   * with an activity task for each. A database that stays away is waited for with a timer, which holds no workflow's turn.
   */
  rows: {
    startToCloseTimeout: '20 seconds',
    localRetryThreshold: '2 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** One attempt to reach a server; a failed one is an answer. */
  probe: {
    taskQueue: queues.engine,
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '5 seconds', maximumInterval: '30 seconds' },
  },
  /** One step of making an organization usable: a database, a schema, an index. */
  provision: {
    taskQueue: queues.engine,
    startToCloseTimeout: '10 minutes',
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  },
  /** Sets of millions of rows; starts over after a crash. Cancelled it has ended before anything else begins. */
  freeze: {
    taskQueue: queues.bulk,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    startToCloseTimeout: '2 hours',
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  },
  /** Follows an organization's outbox while it flows; returns after a lull or a minute. */
  outbox: {
    taskQueue: queues.engine,
    startToCloseTimeout: '5 minutes',
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** A file of millions of rows; what is committed is not done again. */
  import: {
    taskQueue: queues.bulk,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** Something deleted is taken from millions of customers in batches; what is committed is not done again. */
  removal: {
    taskQueue: queues.bulk,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '30 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** A file of millions of rows written anew at each attempt. */
  export: {
    taskQueue: queues.bulk,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** One action over millions of customers; what is committed is not done again. */
  bulk: {
    taskQueue: queues.bulk,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** One mail, with the 10 minutes a server may take for its last answer. A dead worker is noticed by its silence. */
  mail: {
    taskQueue: queues.engine,
    startToCloseTimeout: '15 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  },
  /** A range of the ledger. A dead worker is noticed by its silence after 10 s and the range goes to another. */
  send: {
    taskQueue: queues.send,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
  },
  /** Everybody of a cohort on one step, in short transactions: who has moved on is not moved again. */
  node: {
    taskQueue: queues.engine,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
  },
  /** The same of a send step: its mails, as a range of the ledger. */
  nodeSend: {
    taskQueue: queues.send,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
  },
} as const satisfies Record<string, ActivityOptions | LocalActivityOptions>;
