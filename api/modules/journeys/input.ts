import { z } from 'zod';

/** What a journey's author writes, as the API takes it. Drafts may be incomplete; what is missing is told on the step. */

export const name = z.string().trim().min(1, 'Give the journey a name.').max(150, 'At most 150 characters.');
export const note = z.string().trim().max(500, 'At most 500 characters.');
export const stepId = z.string().regex(/^[a-z0-9_-]{1,40}$/, 'Expected the id of a step.');
export const versionNo = z.coerce.number<string | number>({ message: 'Expected the number of a version.' }).int().min(1).max(2_147_483_647);

// Described as what the API answers with, but checked by the domain, which names the step of each problem.
export const graph = z.unknown().meta({ $ref: '#/components/schemas/JourneyGraph' });
/** 100,000 steps arrive and are refused in words, instead of breaking off. */
export const GRAPH_BODY_LIMIT = 48 * 1_048_576;
export const GRAPH_VALUE_LIMIT = 4_000_000;

export const MAX_TYPED_ADDRESSES = 10_000;
const source = { listId: z.uuid().toLowerCase().optional(), segmentId: z.uuid().toLowerCase().optional() };

export const enroll = z.strictObject({
  ...source,
  emails: z.array(z.string().max(1_000)).min(1, 'Type at least one address.').max(MAX_TYPED_ADDRESSES, `At most ${MAX_TYPED_ADDRESSES.toLocaleString('en-US')} addresses; more are enrolled as a list.`).optional(),
  createUnknown: z.boolean().default(false),
});
export type Enroll = z.infer<typeof enroll>;

const rate = z.number().min(0, 'From 0 to 100 %.').max(100, 'From 0 to 100 %.');
export const dryRun = z.strictObject({
  ...source,
  days: z.int('Expected whole days.').min(1, 'From 1 to 90 days.').max(90, 'From 1 to 90 days.').optional(),
  rates: z.strictObject({ opened: rate, clicked: rate }).optional(),
});
export type DryRun = z.infer<typeof dryRun>;
