import type { PropertyFilter } from './filters.ts';

/** What the config of an entry step holds: who enters, how often, and what ends runs. */
export interface EntryConfig {
  readonly trigger: Trigger;
  readonly reentry: 'once' | 'after_completion' | 'concurrent';
  readonly exits: Exits;
  readonly goal: Goal | null;
}

export type Trigger =
  | { readonly kind: 'manual' }
  | { readonly kind: 'list'; readonly list: string }
  /** One of `triggerEvents`, by people. */
  | { readonly kind: 'event'; readonly event: string; readonly campaign?: string }
  | { readonly kind: 'custom'; readonly name: string; readonly filters: readonly PropertyFilter[] };

export interface Exits {
  /** Whether reaching the goal ends the run. */
  readonly goal: boolean;
  /** Members of it leave before their next step. */
  readonly segment?: string;
}

export type Goal =
  /** A mail event of any mail, of a campaign, of a journey, or of one of its send steps. */
  | { readonly kind: 'event'; readonly event: string; readonly campaign?: string; readonly journey?: string; readonly step?: string }
  | { readonly kind: 'custom'; readonly name: string; readonly filters: readonly PropertyFilter[] }
  | { readonly kind: 'segment'; readonly segment: string };

export const triggerEvents = ['opened', 'clicked', 'bounced', 'complained', 'unsubscribed'] as const;

/** Triggers by which people who get no mail enter too; their sends are skipped. */
export const admitsUnmailable = (trigger: Trigger): boolean => trigger.kind === 'event' && ['bounced', 'complained', 'unsubscribed'].includes(trigger.event);
