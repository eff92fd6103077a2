import { z } from 'zod';

const problem = z.object({ field: z.string(), message: z.string() });

/** `accepted` ones have a number; of `failed` ones `errors` name the event and the field: `events[3].name`. In the order of the request. */
export const EventsReply = z.object({
  accepted: z.int(), duplicates: z.int(), failed: z.int(),
  results: z.array(z.object({ index: z.int(), outcome: z.enum(['accepted', 'duplicate', 'failed']), id: z.int().optional(), errors: z.array(problem).optional() })),
}).meta({ id: 'EventsReply' });
