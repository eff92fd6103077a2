import { z } from 'zod';
import { targetKinds } from '#domain/campaign/targets.ts';

/** What a campaign's author writes, as the API takes it. Drafts may be incomplete; what is missing is told before a launch. */

const line = (max: number) => z.string().max(max, `At most ${max} characters.`);
const email = z.string().trim().max(254);
/** HTML to 2 MB, and its text beside it. */
export const CONTENT_LIMIT = 2 * 1_024 * 1_024;
const MAX_CONNECTIONS = 10;
/** Of each field, its own among them. */
const MAX_ALTERNATIVES = 5;

export const name = z.string().trim().min(1, 'Give the campaign a name.').max(150, 'At most 150 characters.');

// Written in small letters, as the index and the search for uses compare ids as texts.
export const target = z.strictObject({
  kind: z.enum(targetKinds).describe('`failed`, `not_opened`: of the recipients of another campaign, which `id` names.'), id: z.uuid().toLowerCase(), mode: z.enum(['include', 'exclude']).default('include'),
});

export const throttlePerMinute = z.int('Expected a whole number.').min(1, 'At least 1 a minute, or none for no throttle.').max(10_000_000).nullable();

export const delivery = z.strictObject({
  mode: z.enum(['single', 'split', 'round_robin']),
  connections: z.array(z.strictObject({ id: z.uuid().toLowerCase(), percent: z.int('Expected whole percent.').min(0).max(100).default(0) })).max(MAX_CONNECTIONS, `At most ${MAX_CONNECTIONS} connections.`),
  onBreak: z.enum(['pause', 'carry_on']).default('pause'),
  throttlePerMinute: throttlePerMinute.default(null),
}).meta({ id: 'CampaignDelivery' });

const alternatives = <Item extends z.ZodType>(item: Item) => z.array(item).max(MAX_ALTERNATIVES - 1, `At most ${MAX_ALTERNATIVES} alternatives, the first included.`);

export const experiment = z.strictObject({
  subjects: alternatives(line(250)).default([]),
  contents: alternatives(z.strictObject({ html: line(CONTENT_LIMIT), text: line(CONTENT_LIMIT) })).default([]),
  fromNames: alternatives(line(150)).default([]),
  testPercent: z.int('Expected whole percent.').min(1, 'From 1 to 100.').max(100, 'From 1 to 100.').default(20),
  durationHours: z.int('Expected whole hours.').min(1, 'From 1 to 168 hours.').max(168, 'From 1 to 168 hours.').default(4),
  winnerBy: z.enum(['open_rate', 'click_rate']).default('open_rate'),
  distribution: z.enum(['random', 'weighted', 'bandit']).default('random'),
  weights: z.array(z.int('Expected whole percent.').min(0).max(100)).max(26).default([]),
}).meta({ id: 'CampaignExperiment' });

export const schedule = z.strictObject({
  at: z.string().max(20).describe('Local date and time, like 2026-12-01T09:00.'),
  zone: z.enum(['organization', 'recipient']).default('organization'),
  past: z.enum(['next_day', 'now']).default('next_day'),
}).meta({ id: 'CampaignSchedule' });

export const edit = z.strictObject({
  version: z.int().optional(), name: name.optional(), subject: line(250).optional(), preheader: line(250).optional(), fromName: line(150).optional(), fromEmail: email.optional(), replyTo: email.optional(),
  html: line(CONTENT_LIMIT).optional(), text: line(CONTENT_LIMIT).optional(), targets: z.array(target).max(100).optional(), delivery: delivery.optional(), experiment: experiment.nullable().optional(),
  tracking: z.strictObject({ opens: z.boolean(), clicks: z.boolean() }).optional(), utm: z.record(z.string().max(50), z.string().max(200)).optional(),
});
