import type { Rule } from '../../segment/ast.ts';
import { eventNames, type EventName } from '../../segment/events.ts';
import { evaluate } from '../../segment/evaluate.ts';
import type { Window } from '../../segment/windows.ts';
import { sayEvent } from '../events.ts';
import { askedOf, decide, yesNo } from './condition.ts';
import { defineKind } from './node.ts';

interface EventConditionConfig {
  readonly event: { readonly type: EventName; readonly name?: string };
  readonly campaign?: string;
  readonly journey?: string;
  readonly step?: string;
  readonly window?: Window;
}

const ofMail = { field: 'event', is: eventNames.filter((name) => name !== 'custom') } as const;

export const eventCondition = defineKind<EventConditionConfig>({
  kind: 'event-condition', label: 'Event Condition', group: 'condition', activity: 'condition', reads: ['document'],
  summary: 'Yes if the person did something before: opened, clicked, or an event of your own.',
  form: [
    { name: 'event', label: 'Event', type: 'event', events: eventNames, required: true },
    { name: 'campaign', label: 'Campaign', type: 'campaign', when: ofMail, help: 'Empty: any mail.' },
    { name: 'journey', label: 'Journey', type: 'journey', when: ofMail },
    { name: 'step', label: 'Email', type: 'send-step', of: 'any', when: ofMail },
    { name: 'window', label: 'In the last', type: 'window', help: 'Empty: any time.' },
  ],
  ports: yesNo,
  rules: (config) => [ruleOf(config)],
  check: ({ campaign, journey, step }) => {
    if (campaign !== undefined && journey !== undefined) return [{ field: 'journey', message: 'Choose a campaign or a journey, not both.', severity: 'error' }];
    return step !== undefined && journey === undefined ? [{ field: 'step', message: 'An email belongs to a journey; choose the journey first.', severity: 'error' }] : [];
  },
  step: (config, member, around) => {
    const { document, rules } = askedOf(member, around);
    return decide(evaluate(ruleOf(config), document, rules), { event: config.event.name ?? config.event.type });
  },
  describe: (config, names) => `${sayEvent(config, names)}${config.window === undefined ? '' : ` in the last ${sayWindow(config.window)}`}`,
});

function ruleOf({ event, campaign, journey, step, window }: EventConditionConfig): Rule {
  return {
    op: 'and',
    parts: [{
      event: event.type, operator: 'has_done', ...(event.name === undefined ? {} : { name: event.name }), ...(campaign === undefined ? {} : { campaign }),
      ...(journey === undefined ? {} : { journey }), ...(step === undefined ? {} : { step }), ...(window === undefined ? {} : { window }),
    }],
  };
}

function sayWindow({ last, unit }: Window): string {
  return `${last} ${unit.toLowerCase()}${last === 1 ? '' : 's'}`;
}
