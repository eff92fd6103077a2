import { z } from 'zod';

/** What a connection's form takes. */

const MOST = 1_000_000_000;
const perWindow = z.int('Expected a whole number.').min(1, 'At least 1, or nothing for no limit.').max(MOST).nullable().default(null);

export const limits = z.strictObject({
  second: perWindow, minute: perWindow, hour: perWindow, day: perWindow,
  dayWindow: z.enum(['midnight', 'rolling']).default('midnight').describe("A day ends at the organization's midnight, or is any 24 hours."),
}).meta({ id: 'ConnectionLimits' });

export const warmUp = z.strictObject({
  startedOn: z.iso.date('Expected a date like 2026-12-01.').optional().describe("Its first day, by the organization's calendar; today unless given."),
  first: z.int('Expected a whole number.').min(1, 'At least 1 mail on the first day.').max(MOST).default(500),
  growthPercent: z.int('Expected whole percent.').min(1, 'From 1 to 1,000 %.').max(1_000, 'From 1 to 1,000 %.').default(30),
  target: z.int('Expected a whole number.').min(1, 'At least 1 mail a day.').max(MOST),
}).refine((plan) => plan.target >= plan.first, { path: ['target'], message: 'The target is below the first day: raise it, or begin with less.' }).meta({ id: 'ConnectionWarmUpPlan' });

export const name = z.string().trim().min(1, 'Give the connection a name.').max(150);

export const fields = {
  host: z.string().trim().max(253).optional(), port: z.int('Expected a port number, like 587.').min(1).max(65_535).nullable().optional(), secure: z.enum(['starttls', 'tls', 'none']).optional(),
  username: z.string().max(320).optional(), password: z.string().max(1_000).optional(),
  fromEmail: z.union([z.literal('').transform(() => null), z.email('Expected an address like news@example.com.')]).nullable().optional(), fromName: z.string().max(150).nullable().optional(),
  parallel: z.int().min(1).max(100, 'From 1 to 100.').optional(), limits: limits.optional(), warmUp: warmUp.nullable().optional(),
  backupId: z.uuid().toLowerCase().nullable().optional(), enabled: z.boolean().optional(),
};
