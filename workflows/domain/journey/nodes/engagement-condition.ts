import { durationMs, unitMs, type Duration } from '../../shared/forms.ts';
import { decide, yesNo } from './condition.ts';
import { defineKind } from './node.ts';
import { sayDuration } from './duration.ts';

export interface EngagementConditionConfig {
  /** Id of a send step before this one. */
  readonly step: string;
  readonly did: 'opened' | 'clicked';
  /** From the moment of that send; without one any time. */
  readonly within?: Duration;
}

export const engagementCondition = defineKind<EngagementConditionConfig>({
  kind: 'engagement-condition', label: 'Engagement Condition', group: 'condition', activity: 'condition', reads: ['sends'],
  summary: 'Yes if the person opened or clicked a mail that this journey sent her before.',
  form: [
    { name: 'step', label: 'Email', type: 'send-step', of: 'own', required: true },
    { name: 'did', label: 'Was', type: 'choice', default: 'opened', options: [{ value: 'opened', label: 'opened' }, { value: 'clicked', label: 'clicked' }] },
    { name: 'within', label: 'Within', type: 'duration', min: unitMs.minutes, max: 365 * unitMs.days, units: ['minutes', 'hours', 'days', 'weeks'], help: 'Of that send. Empty: any time.' },
  ],
  ports: yesNo,
  step: ({ step, did, within }, { sends }) => {
    const mail = sends?.filter(({ node }) => node === step).reduce<{ sentAt: number; at: number | null } | null>(
      (last, { sentAt, openedAt, clickedAt }) => (last === null || sentAt >= last.sentAt ? { sentAt, at: did === 'opened' ? openedAt : clickedAt } : last), null) ?? null;
    if (mail === null) return decide(false, { sent: null });
    const inTime = mail.at !== null && (within === undefined || mail.at <= mail.sentAt + durationMs(within));
    return decide(inTime, { sent: new Date(mail.sentAt).toISOString(), [did]: mail.at === null ? null : new Date(mail.at).toISOString() });
  },
  describe: ({ step, did, within }, names) => (step === undefined ? 'No email chosen' : `${did} “${names.step(step) ?? 'deleted step'}”${within === undefined ? '' : ` within ${sayDuration(within)}`}`),
});
