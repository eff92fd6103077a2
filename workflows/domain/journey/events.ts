import { passesFilters, type PropertyFilter } from './filters.ts';
import type { JourneyEvent, MailFilter } from './nodes/node.ts';

/** Events as triggers, goals and waits choose them. */
export interface EventChoice {
  /** One of `eventNames`. */
  readonly type: string;
  /** Of a custom event. */
  readonly name?: string;
}

/** An event and, of mail events, which mail; of custom ones, which properties. */
export interface EventFilter {
  readonly event: EventChoice;
  readonly campaign?: string;
  readonly journey?: string;
  readonly step?: string;
  readonly filters?: readonly PropertyFilter[];
}

/** What `enrollment.wake_event` holds while she waits for an event. */
export function wakeKey({ type, name }: EventChoice | Pick<JourneyEvent, 'type' | 'name'>): string {
  return type === 'custom' ? `custom:${name ?? ''}` : type;
}

/** Whether an event is the one meant. Machines open and click for nobody. */
export function isMeant({ event, campaign, journey, step, filters }: EventFilter, happened: JourneyEvent, mails: MailFilter): boolean {
  if (happened.machine || wakeKey(happened) !== wakeKey(event)) return false;
  if (event.type === 'custom') return passesFilters(filters ?? [], happened.properties);
  return (campaign === undefined && journey === undefined) || mails.isOf(happened.mailNo, { campaign, journey, step });
}

export const mailEventLabels = {
  sent: 'was sent', delivered: 'was delivered', opened: 'opened', clicked: 'clicked', bounced: 'bounced', complained: 'complained', unsubscribed: 'unsubscribed',
} as const;

/** An event in a few words: `opened “Spring sale”`, `order_placed`. */
export function sayEvent({ event, campaign, journey, step }: Partial<EventFilter>, names: { campaign(id: string): string | null; journey(id: string): string | null }): string {
  if (event === undefined) return 'no event chosen';
  if (event.type === 'custom') return event.name ?? 'no event chosen';
  const deed = Object.hasOwn(mailEventLabels, event.type) ? mailEventLabels[event.type as keyof typeof mailEventLabels] : event.type;
  if (campaign !== undefined) return `${deed} “${names.campaign(campaign) ?? 'deleted campaign'}”`;
  if (journey !== undefined) return `${deed} ${step === undefined ? 'a mail' : `step ${step}`} of “${names.journey(journey) ?? 'deleted journey'}”`;
  return `${deed} any mail`;
}
