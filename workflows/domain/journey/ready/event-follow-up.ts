import { step, ways, type ReadyJourney } from './drawing.ts';
import { letterConfig } from './mail.ts';

export const eventFollowUp: ReadyJourney = {
  id: 'event-follow-up', name: 'Event follow-up',
  summary: 'Answers a click in a campaign in office hours, and asks once more if nobody reacts.',
  graph: {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Clicks in a campaign', { trigger: { kind: 'event', event: 'clicked' }, reentry: 'once', goal: null, exits: { goal: true } }),
      step([0, 1], 'time-window', 'office-hours', 'Office hours', { weekdays: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }),
      step([0, 2], 'send', 'follow-up', 'Follow-up', letterConfig({
        subject: 'You had a look. Can we help?',
        preheader: 'Answers to what people ask most at this point.',
        title: 'Can we help?',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'You had a look at our offer. Most people at this point want to know what it costs, how long it takes and whether it fits. We have put the three answers on one page.',
        ],
        button: { label: 'Three answers on one page', url: 'https://example.com/answers' },
        aside: 'Would you rather talk? Reply to this mail, and somebody of {{ organization.name }} gets in touch today.',
      })),
      step([0, 3], 'fixed-delay', 'wait-2-days', 'Wait 2 days', { duration: { amount: 2, unit: 'days' } }),
      step([0, 4], 'engagement-condition', 'clicked', 'Clicked the follow-up?', { step: 'follow-up', did: 'clicked' }),
      step([-1, 5], 'exit', 'interested', 'Interested', { label: 'Interested' }),
      step([1, 5], 'time-window', 'office-hours-again', 'Office hours again', { weekdays: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }),
      step([1, 6], 'send', 'reminder', 'Reminder', letterConfig({
        subject: 'Is there a question open?',
        preheader: 'One line is enough, a person answers.',
        title: 'Is there a question open?',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'If something keeps you from deciding, tell us what it is. One line is enough. If it is not for you, that is fine too: we will not ask again.',
        ],
        button: { label: 'Ask a question', url: 'https://example.com/contact' },
      })),
      step([1, 7], 'exit', 'reminded', 'Reminded', { label: 'Reminded' }),
    ],
    edges: ways(
      'entry > office-hours > follow-up > wait-2-days > clicked:yes > interested',
      'clicked:no > office-hours-again > reminder > reminded',
    ),
  },
};
