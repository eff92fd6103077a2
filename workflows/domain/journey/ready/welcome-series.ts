import { step, ways, type ReadyJourney } from './drawing.ts';
import { letterConfig } from './mail.ts';

export const welcomeSeries: ReadyJourney = {
  id: 'welcome-series', name: 'Welcome series',
  summary: 'Greets whoever joins a list, then goes on by whether the first mail was opened.',
  graph: {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Joins the list', { trigger: { kind: 'list', list: '' }, reentry: 'once', goal: null, exits: { goal: true } }),
      step([0, 1], 'send', 'welcome', 'Welcome', letterConfig({
        subject: 'Welcome, {{ first_name | default: "good to have you" }}',
        preheader: 'What you can expect from us, and where to begin.',
        title: 'Good to have you here',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'Thank you for signing up with {{ organization.name }}. About once a week we write to you with what is new and what others found useful. Nothing else, and you can leave with one click.',
          'The best place to begin is our short guide. It takes five minutes, and most people find what they came for in it.',
        ],
        button: { label: 'Read the guide', url: 'https://example.com/guide' },
        aside: 'Do you have a question? Just reply to this mail: a person reads it.',
      })),
      step([0, 2], 'fixed-delay', 'wait-3-days', 'Wait 3 days', { duration: { amount: 3, unit: 'days' } }),
      step([0, 3], 'engagement-condition', 'opened', 'Opened the welcome?', { step: 'welcome', did: 'opened' }),
      step([-1, 4], 'send', 'next-steps', 'Next steps', letterConfig({
        subject: 'Three things worth trying next',
        preheader: 'Small steps that make the biggest difference in the first week.',
        title: 'Three things worth trying next',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          '<b>First:</b> set up your profile. What we know about you decides what we write to you about.',
          '<b>Then:</b> look at what is most popular this month. Others have chosen well.',
          '<b>And last:</b> tell us what you are after. One line is enough, and we point you to the right place.',
        ],
        button: { label: 'Set up my profile', url: 'https://example.com/profile' },
      })),
      step([1, 4], 'send', 'second-chance', 'Welcome again', letterConfig({
        subject: 'In case you missed it: where to begin',
        preheader: 'Our guide in one minute.',
        title: 'Where to begin',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'A few days ago we sent you a welcome that may have drowned among other mails. Here is the short version: one page shows you everything {{ organization.name }} can do for you.',
        ],
        button: { label: 'Show me in one minute', url: 'https://example.com/guide' },
      })),
      step([0, 5], 'fixed-delay', 'wait-4-days', 'Wait 4 days', { duration: { amount: 4, unit: 'days' } }),
      step([0, 6], 'send', 'question', 'One question', letterConfig({
        subject: 'One question, {{ first_name | default: "if you have a minute" }}',
        preheader: 'Your answer decides what we send you.',
        title: 'What brought you here?',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'You have been with us for a week. What would make {{ organization.name }} more useful to you? Reply in your own words; we read every answer and write back.',
        ],
      })),
      step([0, 7], 'exit', 'welcomed', 'Welcomed', { label: 'Welcomed' }),
    ],
    edges: ways(
      'entry > welcome > wait-3-days > opened:yes > next-steps > wait-4-days > question > welcomed',
      'opened:no > second-chance > wait-4-days',
    ),
  },
};
