import type { Graph } from '#domain/journey/graph.ts';
import { step, ways } from '#domain/journey/ready/drawing.ts';
import { letterConfig, type Letter } from '#domain/journey/ready/mail.ts';

/** What the demo's journey is drawn with. */
export interface DemoJourneyParts {
  /** Who is added to it enters. */
  readonly list: string;
  /** Where those who click in the end are put. */
  readonly club: string;
  readonly connection: string;
}

const SHOP = 'https://harbour.example';

/** A welcome of Harbour Coffee: greets, goes on by what was opened, tries two invitations, and waits for a click. An order is its goal. */
export function demoJourney({ list, club, connection }: DemoJourneyParts): Graph {
  const mail = (letter: Letter) => ({ ...letterConfig(letter), fromName: 'Harbour Coffee', fromEmail: 'hello@harbour.example', connection });
  return {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Joins “First cup”', {
        trigger: { kind: 'list', list }, reentry: 'once', goal: { kind: 'custom', name: 'order_placed', filters: [] }, exits: { goal: true },
      }),
      step([0, 1], 'send', 'welcome', 'Welcome aboard', mail({
        subject: 'Welcome aboard, {{ first_name | default: "coffee lover" }}', preheader: 'Your first cup is on us.', title: 'Your first cup is on us',
        paragraphs: ['Hello {{ first_name | default: "there" }},', 'Good to have you with us. We roast on Tuesdays and ship on Wednesdays, so what reaches you is never older than a week. Come by with this mail, and the first cup is ours.'],
        button: { label: 'Find your nearest harbour', url: `${SHOP}/cafes` }, aside: 'Do you have a question? Just reply: a person reads it.',
      })),
      step([0, 2], 'fixed-delay', 'wait-3-days', 'Wait 3 days', { duration: { amount: 3, unit: 'days' } }),
      step([0, 3], 'engagement-condition', 'opened', 'Opened the welcome?', { step: 'welcome', did: 'opened' }),
      step([-1, 4], 'send', 'brewing', 'Brewing guide', mail({
        subject: 'Three ways to brew it better', preheader: 'With what you have in your kitchen.', title: 'Three ways to brew it better',
        paragraphs: ['Hello {{ first_name | default: "there" }},', 'Grind it just before, take water that has stopped boiling for a minute, and give it time: four minutes make more of a difference than any machine.'],
        button: { label: 'Read the guide', url: `${SHOP}/brewing` },
      })),
      step([1, 4], 'send', 'second-hello', 'Second hello', mail({
        subject: 'Your first cup is still waiting', preheader: 'It is yours until the end of the month.', title: 'Still warm',
        paragraphs: ['Hello {{ first_name | default: "there" }},', 'Our first mail may have drowned among others. In short: the first cup is on us, in any of our cafés, until the end of the month.'],
        button: { label: 'Where to get it', url: `${SHOP}/cafes` },
      })),
      step([0, 5], 'fixed-delay', 'wait-4-days', 'Wait 4 days', { duration: { amount: 4, unit: 'days' } }),
      step([0, 6], 'percentage-split', 'invitations', 'Two invitations', { branches: [{ label: 'Tasting', percent: 50 }, { label: 'Shipping', percent: 50 }] }),
      step([-1, 7], 'send', 'tasting', 'Invitation to a tasting', mail({
        subject: 'A seat at the table for you', preheader: 'Three farms, five cups, one evening.', title: 'Taste with us',
        paragraphs: ['Hello {{ first_name | default: "there" }},', 'Each Thursday we open five bags that are not for sale yet. Eight people taste, and what they like best goes on the shelf. One of the seats is yours.'],
        button: { label: 'Take my seat', url: `${SHOP}/tasting` },
      })),
      step([1, 7], 'send', 'shipping', 'Free shipping', mail({
        subject: 'We carry it to your door', preheader: 'No shipping on your first order.', title: 'The first one travels free',
        paragraphs: ['Hello {{ first_name | default: "there" }},', 'Choose any bag, and we bring it to you without shipping. The offer is for your first order and holds for two weeks.'],
        button: { label: 'Choose a bag', url: `${SHOP}/shop` },
      })),
      step([0, 8], 'wait-for-event', 'click', 'Clicks within a week?', { event: { type: 'clicked' }, timeout: { amount: 7, unit: 'days' } }),
      step([-1, 9], 'add-to-list', 'club', 'Into the tasting club', { list: club }),
      step([-1, 10], 'exit', 'friends', 'Coffee friends', { label: 'Coffee friends' }),
      step([1, 9], 'time-window', 'office-hours', 'Office hours', { weekdays: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }),
      step([1, 10], 'send', 'question', 'One question', mail({
        subject: 'One question, and then we are quiet', preheader: 'One line is enough.', title: 'What did you come for?',
        paragraphs: ['Hello {{ first_name | default: "there" }},', 'You have been with us for two weeks. What would make Harbour Coffee better for you? Reply in your own words; we read every answer.'],
      })),
      step([1, 11], 'exit', 'quiet', 'Quiet ones', { label: 'Quiet ones' }),
    ],
    edges: ways(
      'entry > welcome > wait-3-days > opened:yes > brewing > wait-4-days > invitations:a > tasting > click:happened > club > friends',
      'opened:no > second-hello > wait-4-days', 'invitations:b > shipping > click', 'click:timed_out > office-hours > question > quiet',
    ),
  };
}
