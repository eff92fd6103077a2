import type { Campaign } from '../api/types.ts';

/** What a draft's author writes: all that the API takes back. */
export type Draft = Pick<Campaign, 'name' | 'subject' | 'preheader' | 'fromName' | 'fromEmail' | 'replyTo' | 'html' | 'text' | 'targets' | 'delivery' | 'experiment' | 'tracking' | 'utm'>;

export function draftOf({ name, subject, preheader, fromName, fromEmail, replyTo, html, text, targets, delivery, experiment, tracking, utm }: Campaign): Draft {
  return structuredClone({ name, subject, preheader, fromName, fromEmail, replyTo, html, text, targets, delivery, experiment, tracking, utm });
}

/** The parts of `now` that differ from `before`: what a save sends, so that what somebody else set meanwhile stays. */
export function changesOf(now: Draft, before: Draft): Partial<Draft> {
  const changed = (Object.keys(now) as (keyof Draft)[]).filter((key) => JSON.stringify(now[key]) !== JSON.stringify(before[key]));
  return Object.fromEntries(changed.map((key) => [key, now[key]]));
}

export const steps = ['basic', 'content', 'targeting', 'smtp', 'tracking', 'scheduling'] as const;
export type Step = (typeof steps)[number];

const stepByField: Readonly<Record<string, Step>> = {
  name: 'basic', subject: 'basic', preheader: 'basic', fromName: 'basic', fromEmail: 'basic', replyTo: 'basic', html: 'content', text: 'content', content: 'content', experiment: 'content',
  targets: 'targeting', audience: 'targeting', delivery: 'smtp', tracking: 'tracking', utm: 'tracking', at: 'scheduling', zone: 'scheduling', past: 'scheduling', schedule: 'scheduling',
};

/** The step on which a field of the API stands, like `delivery.connections[0].percent`. */
export const stepOf = (field: string): Step => stepByField[field.split(/[.[]/)[0] ?? ''] ?? 'basic';

/** Where a field is written: the address within the builder. */
export function hrefOf(field: string): string {
  const step = stepOf(field);
  const content = /^experiment\.contents\[(\d+)\]/.exec(field)?.[1];
  if (content !== undefined) return `?step=content&content=${Number(content) + 2}`;
  return field.startsWith('experiment') ? '?step=content&part=test' : `?step=${step}`;
}

/** Of which alternative of an A/B test a field is, from 2; null for the campaign's own. */
export const alternativeOf = (field: string): number | null => {
  const place = /^experiment\.(?:subjects|contents|fromNames)\[(\d+)\]/.exec(field)?.[1];
  return place === undefined ? null : Number(place) + 2;
};

/** Whether something is written at a field's path: a problem there is a fault, not a gap. */
export function isGiven(draft: Draft, field: string): boolean {
  const value = field.split(/[.[\]]+/).filter(Boolean).reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], draft);
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}
