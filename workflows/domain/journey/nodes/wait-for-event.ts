import { eventNames } from '../../segment/events.ts';
import { durationMs, unitMs, type Duration } from '../../shared/forms.ts';
import { isMeant, sayEvent, wakeKey, type EventFilter } from '../events.ts';
import { sayDuration } from './duration.ts';
import { defineKind, go, rest } from './node.ts';

interface WaitForEventConfig extends EventFilter {
  readonly timeout: Duration;
}

const ofMail = { field: 'event', is: eventNames.filter((name) => name !== 'custom') } as const;

export const waitForEvent = defineKind<WaitForEventConfig>({
  kind: 'wait-for-event', label: 'Wait for Event', group: 'delay', activity: 'wait', reads: [],
  summary: 'Waits until the person does something, but not longer than you say.',
  form: [
    { name: 'event', label: 'Event', type: 'event', events: eventNames, required: true },
    { name: 'campaign', label: 'Campaign', type: 'campaign', when: ofMail, help: 'Empty: any mail.' },
    { name: 'journey', label: 'Journey', type: 'journey', when: ofMail },
    { name: 'step', label: 'Email', type: 'send-step', of: 'any', when: ofMail },
    { name: 'filters', label: 'Properties', type: 'property-filters', default: [], when: { field: 'event', is: ['custom'] } },
    { name: 'timeout', label: 'At most', type: 'duration', min: unitMs.minutes, max: 365 * unitMs.days, units: ['minutes', 'hours', 'days', 'weeks'], required: true, default: { amount: 7, unit: 'days' } },
  ],
  ports: () => [{ id: 'happened', label: 'Happened' }, { id: 'timed_out', label: 'Timed out' }],
  check: ({ campaign, journey, step }) => {
    if (campaign !== undefined && journey !== undefined) return [{ field: 'journey', message: 'Choose a campaign or a journey, not both.', severity: 'error' }];
    return step !== undefined && journey === undefined ? [{ field: 'step', message: 'An email belongs to a journey; choose the journey first.', severity: 'error' }] : [];
  },
  matches: (config, event, mails) => isMeant(config, event, mails),
  step: ({ event, timeout }, { arrivedAt, wokenBy }, { now }) => {
    if (wokenBy !== null) return go('happened', { event: wokenBy.name ?? wokenBy.type, at: new Date(wokenBy.at).toISOString() });
    const until = arrivedAt + durationMs(timeout);
    return now >= until ? go('timed_out') : rest(until, wakeKey(event));
  },
  describe: (config, names) => `${sayEvent(config, names)}, at most ${sayDuration(config.timeout)}`,
});
