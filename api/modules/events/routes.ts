import { z } from 'zod';
import { route } from '../../http/route.ts';
import { EVENTS_MAX, EventInput } from './input.ts';
import { EventsReply } from './views.ts';

/** 1,000 events with all the properties they may have are more than one call should carry. */
const BODY_LIMIT = 8 * 1_048_576;
const VALUE_LIMIT = 400_000;

// Described as what is taken, but each event is checked by itself: a wrong one costs no other.
const { $schema: _, ...described } = z.toJSONSchema(EventInput, { io: 'input' });
const events = z.array(z.unknown().meta(described)).min(1).max(EVENTS_MAX, `At most ${EVENTS_MAX.toLocaleString('en-US')} events a call.`);

export const eventRoutes = [
  route({
    method: 'post', path: '/events', capability: 'customers.edit', tag: 'events', scope: 'events:write', status: 202, idempotent: true, bodyLimit: BODY_LIMIT, valueLimit: VALUE_LIMIT,
    summary: 'Records what customers did: segments know it, journeys react within 2 seconds.',
    body: z.strictObject({ events }), reply: EventsReply,
    handle: ({ org, body, services, res }) => services.events.record(org, body.events, res),
  }),
];
