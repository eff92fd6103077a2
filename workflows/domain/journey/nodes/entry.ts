import { admitsUnmailable, type EntryConfig, type Trigger } from '../entry.ts';
import { sayEvent } from '../events.ts';
import { defineKind, go, type Names } from './node.ts';

export const entry = defineKind<Partial<EntryConfig>>({
  kind: 'entry', label: 'Entry', group: 'entry', activity: null, reads: [],
  summary: 'Who enters, how often, and what ends the journey early.',
  form: [
    { name: 'trigger', label: 'Trigger', type: 'trigger', required: true },
    {
      name: 'reentry', label: 'Re-entry', type: 'choice', default: 'once',
      options: [{ value: 'once', label: 'No re-entry' }, { value: 'after_completion', label: 'Allow re-entry after completion' }, { value: 'concurrent', label: 'Allow concurrent' }],
    },
    { name: 'goal', label: 'Goal', type: 'goal', default: null, help: 'What the journey is for. Reached up to 30 days after a run, it still counts.' },
    { name: 'exits', label: 'Exits', type: 'exits', default: { goal: true }, help: 'Whoever unsubscribes, bounces, complains or is suppressed always leaves.' },
  ],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: () => go('next'),
  check: ({ trigger, reentry }) => (trigger !== undefined && admitsUnmailable(trigger) && reentry === 'concurrent'
    ? [{ field: 'reentry', message: 'With this trigger one person may enter again and again at once. Choose re-entry after completion unless you mean it.', severity: 'warning' }]
    : []),
  describe: ({ trigger }, names) => sayTrigger(trigger, names),
});

function sayTrigger(trigger: Trigger | undefined, names: Names): string {
  switch (trigger?.kind) {
    case 'manual': return 'Enrolled by hand or API';
    case 'list': return trigger.list === '' || trigger.list === undefined ? 'No list chosen' : `Added to “${names.list(trigger.list) ?? 'deleted list'}”`;
    case 'event': return trigger.event === undefined ? 'No event chosen' : capital(sayEvent({ event: { type: trigger.event }, ...(trigger.campaign === undefined ? {} : { campaign: trigger.campaign }) }, names));
    case 'custom': return trigger.name === '' || trigger.name === undefined ? 'No event chosen' : `Event ${trigger.name}`;
    case undefined: return 'No trigger chosen';
  }
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
