import { z } from 'zod';
import { nodeKindNames } from '#domain/journey/graph.ts';

/** One run of one customer: in lists, and with her path. */

export const enrollmentStates = ['active', 'completed', 'exited'] as const;
export const exitReasons = ['unsubscribed', 'bounced', 'complained', 'suppressed', 'goal', 'segment', 'removed', 'journey_archived', 'erased', 'error'] as const;

const step = z.object({
  id: z.string(), name: z.string(),
  /** null: a step that is not in her version. */
  kind: z.enum(nodeKindNames).nullable(),
});

const enrollmentShape = {
  id: z.int(), customerId: z.int().nullable(), email: z.string().nullable(), firstName: z.string().nullable(), lastName: z.string().nullable(),
  version: z.int(), step, state: z.enum(enrollmentStates), reason: z.enum(exitReasons).nullable(),
  enteredAt: z.string(), arrivedAt: z.string(),
  /** When she is asked next: her arrival, or the end of a wait. */
  dueAt: z.string().nullable(),
  endedAt: z.string().nullable(), goalAt: z.string().nullable(),
};
export const EnrollmentRowView = z.object(enrollmentShape).meta({ id: 'EnrollmentRow' });

/** A run as its customer's own page shows it. */
export const CustomerRunView = z.object({
  id: z.int(), journeyId: z.string(), journey: z.string(), version: z.int(), step, state: z.enum(enrollmentStates), reason: z.enum(exitReasons).nullable(),
  enteredAt: z.string(), dueAt: z.string().nullable(), endedAt: z.string().nullable(), goalAt: z.string().nullable(),
}).meta({ id: 'CustomerRun' });

const mail = z.object({
  state: z.enum(['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt']), reason: z.string().nullable(), reply: z.string().nullable(), connection: z.string().nullable(),
  sentAt: z.string().nullable(), deliveredAt: z.string().nullable(), openedAt: z.string().nullable(), clickedAt: z.string().nullable(), bouncedAt: z.string().nullable(), complainedAt: z.string().nullable(), unsubscribedAt: z.string().nullable(),
}).meta({ id: 'EnrollmentMail' });

const webhook = z.object({
  state: z.enum(['pending', 'succeeded', 'failed']), attempts: z.int(),
  /** HTTP status and beginning of the body of the last answer. */
  status: z.int().nullable(), response: z.string().nullable(), firstAt: z.string(), nextAt: z.string().nullable(),
}).meta({ id: 'EnrollmentWebhook' });

const visit = { visit: z.int(), step, arrivedAt: z.string(), mail: mail.nullable(), webhook: webhook.nullable() };

export const EnrollmentView = z.object({
  ...enrollmentShape,
  /** Steps she left, oldest first. */
  path: z.array(z.object({
    ...visit, leftAt: z.string(),
    /** By which way, `moved` by hand; in the words of the step. */
    port: z.string(), portLabel: z.string(),
    /** Values seen and results, as they are and in words. */
    detail: z.record(z.string(), z.unknown()).nullable(), because: z.string(),
  }).meta({ id: 'EnrollmentVisit' })),
  /** Where she stands; null when the run is over. */
  now: z.object({ ...visit, dueAt: z.string().nullable(), waitsFor: z.string().nullable(), isOverdue: z.boolean() }).nullable(),
  /** The event that brought her in. */
  entry: z.object({ type: z.string(), name: z.string().nullable(), at: z.string() }).nullable(),
  mayMove: z.boolean(), mayRemove: z.boolean(),
  temporalUrl: z.string().nullable(),
}).meta({ id: 'Enrollment' });
