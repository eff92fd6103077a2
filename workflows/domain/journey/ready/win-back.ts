import { step, ways, type ReadyJourney } from './drawing.ts';
import { letterConfig } from './mail.ts';

export const winBack: ReadyJourney = {
  id: 'win-back', name: 'Win-back',
  summary: 'For those not heard of in a while: a reason to come back, and an honest goodbye. Whoever clicks is won.',
  graph: {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Enrolled by hand', { trigger: { kind: 'manual' }, reentry: 'after_completion', goal: { kind: 'event', event: 'clicked' }, exits: { goal: true } }),
      step([0, 1], 'send', 'we-miss-you', 'What you missed', letterConfig({
        subject: '{{ first_name | default: "Hello" }}, here is what you missed',
        preheader: 'A lot has changed since you were here last.',
        title: 'It has been a while',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'We have not seen you for some time, and a lot has happened at {{ organization.name }} since. We made the three things people asked for most, and one of them may be the one you were waiting for.',
        ],
        button: { label: 'See what is new', url: 'https://example.com/new' },
      })),
      step([0, 2], 'fixed-delay', 'wait-5-days', 'Wait 5 days', { duration: { amount: 5, unit: 'days' } }),
      step([0, 3], 'engagement-condition', 'opened', 'Opened it?', { step: 'we-miss-you', did: 'opened' }),
      step([-1, 4], 'send', 'offer', 'An offer', letterConfig({
        subject: 'Something to come back for',
        preheader: 'Your code for 20% off, for two weeks.',
        title: 'Something to come back for',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'You had a look at what is new. To make the return easier, here is 20% off whatever you choose. The code is <b>WELCOME20</b> and holds for two weeks.',
        ],
        button: { label: 'Use my code', url: 'https://example.com/?code=WELCOME20' },
      })),
      step([1, 4], 'send', 'other-words', 'In other words', letterConfig({
        subject: 'Still the right address?',
        preheader: 'One click keeps you on our list.',
        title: 'Still interested?',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'Our last mails may have come at a bad time. If you would like to hear from {{ organization.name }}, tell us with one click; you can choose how often as well.',
        ],
        button: { label: 'Keep me posted', url: 'https://example.com/preferences' },
      })),
      step([0, 5], 'fixed-delay', 'wait-a-week', 'Wait a week', { duration: { amount: 1, unit: 'weeks' } }),
      step([0, 6], 'send', 'goodbye', 'Goodbye', letterConfig({
        subject: 'Shall we say goodbye?',
        preheader: 'This is our last mail, unless you say otherwise.',
        title: 'Shall we say goodbye?',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'We do not want to fill your inbox with what you do not read. Unless you tell us to go on, this was our last mail. Thank you for the time you were with us.',
        ],
        button: { label: 'No, write to me', url: 'https://example.com/stay' },
      })),
      step([0, 7], 'fixed-delay', 'wait-for-answer', 'Wait a week', { duration: { amount: 1, unit: 'weeks' } }),
      step([0, 8], 'remove-from-list', 'off-the-list', 'Off the list', {}),
      step([0, 9], 'exit', 'lost', 'No answer', { label: 'No answer' }),
    ],
    edges: ways(
      'entry > we-miss-you > wait-5-days > opened:yes > offer > wait-a-week > goodbye > wait-for-answer > off-the-list > lost',
      'opened:no > other-words > wait-a-week',
    ),
  },
};
