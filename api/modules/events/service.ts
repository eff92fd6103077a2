import type { Response } from 'express';
import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import { createLimiter } from '../../http/limits.ts';
import { readEvents, type ReadItem } from './input.ts';
import { createEventRecorder, type Recorded } from './recorder.ts';
import type { EventsReply } from './views.ts';

export type EventService = ReturnType<typeof createEventService>;

const EVENTS_PER_SECOND = 1_000;

/** Custom events as programs send them. What they do (segments, journeys, counts) follows within two seconds. */
export function createEventService(container: Pick<Container, 'tenants' | 'gateway' | 'secrets' | 'clock'>) {
  const recorder = createEventRecorder(container);
  const limiter = createLimiter(EVENTS_PER_SECOND, 1, () => `More than ${EVENTS_PER_SECOND.toLocaleString('en-US')} events in a second. Go on in 1 second.`);
  return {
    /** Answers after the commit. @throws AppError `rate_limited`: nothing of the call is taken */
    async record(orgId: string, items: readonly unknown[], res: Response): Promise<z.input<typeof EventsReply>> {
      await limiter.take(orgId, res, items.length);
      const read = readEvents(items, container.clock.now());
      const events = read.flatMap((item) => ('event' in item ? [item.event] : []));
      const recorded = (events.length === 0 ? [] : await recorder.record(orgId, events))[Symbol.iterator]();
      const results = read.map((item, index) => ('event' in item ? toResult(item, index, recorded.next().value!) : { index, outcome: 'failed' as const, errors: [...item.errors] }));
      const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
      return { accepted: count('accepted'), duplicates: count('duplicate'), failed: count('failed'), results };
    },
  };
}

function toResult({ event: { who } }: Extract<ReadItem, { event: unknown }>, index: number, recorded: Recorded): z.input<typeof EventsReply>['results'][number] {
  if (recorded.outcome !== 'unknown') return { index, ...recorded };
  const field = 'address' in who ? 'email' : 'customerId';
  const message = 'address' in who ? 'No customer has this address. Set createCustomer to make one.' : 'There is no customer with this id.';
  return { index, outcome: 'failed', errors: [{ field: `events[${index}].${field}`, message }] };
}
