import { z } from 'zod';

/** Long work on a journey: one at a time, by its control workflow. */

export const jobActions = ['enroll', 'migrate', 'undo', 'archive', 'resume', 'dry_run', 'remove'] as const;
export const jobStates = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const;

/** What a dry run found: nobody was mailed, nothing was changed. */
export const DryRunView = z.object({
  /** People it was tried with; who gets no mail and would not have entered is not among them. */
  people: z.int(), suppressed: z.int(),
  /** Percent of sent mails that were assumed to be opened and clicked; given: not those of the last 90 days. */
  rates: z.object({ opened: z.number(), clicked: z.number(), given: z.boolean() }),
  steps: z.array(z.object({
    node: z.string(), people: z.int(),
    ports: z.array(z.object({
      port: z.string(), people: z.int(),
      /** Of them by engagement that is assumed, not recorded. */
      assumed: z.int(),
      /** Up to 20 people who take it, and why. */
      examples: z.array(z.object({ customerId: z.int(), email: z.string().nullable(), because: z.string() })),
    })),
  })),
  /** Mails by day, in the organization's zone. */
  mails: z.array(z.object({ day: z.string(), mails: z.int() })),
  /** What became of them; active: still inside a year from now. */
  completed: z.int(), active: z.int(), exited: z.record(z.string(), z.int()), goals: z.int(),
}).meta({ id: 'JourneyDryRun' });

export const JobView = z.object({
  id: z.uuid(), action: z.enum(jobActions), state: z.enum(jobStates),
  /** Why it failed, in words. */
  problem: z.string().nullable(),
  /** How many it is about, once known, and how many are done. */
  total: z.int().nullable(), done: z.int(),
  /** What was asked, in words: `list “Newsletter”`, `3 addresses`. */
  about: z.string(),
  /** Counts by outcome: of enroll `enrolled`, `barred`, `suppressed`, `unknown`, `invalid`, `created`; of migrate and undo `moved`, `stayed`; of archive `ended`; of resume `resumed`. */
  result: z.record(z.string(), z.int()).nullable(),
  dryRun: DryRunView.nullable(),
  createdBy: z.string(), createdAt: z.string(), startedAt: z.string().nullable(), endedAt: z.string().nullable(),
}).meta({ id: 'JourneyJob' });
