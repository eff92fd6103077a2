import { step, ways, type ReadyJourney } from './drawing.ts';
import { letterConfig } from './mail.ts';

const lessons = [
  letterConfig({
    subject: 'Lesson 1 of 4: begin with the end',
    preheader: 'Ten minutes to know what you are working towards.',
    title: 'Begin with the end',
    paragraphs: [
      'Hello {{ first_name | default: "there" }},',
      'Welcome to the course. Four lessons, one a week, ten minutes each. The first one is about knowing where you want to get to: write down in one sentence what will be different when you are done.',
      'Keep the sentence. Each of the next lessons takes one step towards it.',
    ],
    button: { label: 'Open lesson 1', url: 'https://example.com/course/1' },
  }),
  letterConfig({
    subject: 'Lesson 2 of 4: the smallest step',
    preheader: 'What can be done today, in a quarter of an hour?',
    title: 'The smallest step',
    paragraphs: [
      'Hello {{ first_name | default: "there" }},',
      'Large plans stay plans. Take your sentence of last week and look for the smallest step towards it, so small that it is done before your coffee is cold. The lesson shows how others found theirs.',
    ],
    button: { label: 'Open lesson 2', url: 'https://example.com/course/2' },
  }),
  letterConfig({
    subject: 'Lesson 3 of 4: what gets in the way',
    preheader: 'The three most common obstacles, and a way around each.',
    title: 'What gets in the way',
    paragraphs: [
      'Hello {{ first_name | default: "there" }},',
      'By now something has come between you and your plan. That is normal: nearly everybody meets the same three obstacles. This lesson names them and shows a way around each.',
    ],
    button: { label: 'Open lesson 3', url: 'https://example.com/course/3' },
  }),
  letterConfig({
    subject: 'Lesson 4 of 4: make it last',
    preheader: 'How to keep what you have reached.',
    title: 'Make it last',
    paragraphs: [
      'Hello {{ first_name | default: "there" }},',
      'This is the last lesson. Read your sentence of the first week once more: how far have you come? Today is about keeping it, with one habit of two minutes a day.',
      'How was the course? Reply with one line. It helps whoever comes after you.',
    ],
    button: { label: 'Open lesson 4', url: 'https://example.com/course/4' },
  }),
];

/** One lesson a week, at the time of day at which a person entered. */
export const drip: ReadyJourney = {
  id: 'drip', name: 'Drip course',
  summary: 'A course of four mails, one a week, for everybody you enroll.',
  graph: {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Enrolled by hand', { trigger: { kind: 'manual' }, reentry: 'once', goal: null, exits: { goal: true } }),
      ...lessons.flatMap((config, i) => [
        ...(i === 0 ? [] : [step([0, 2 * i], 'fixed-delay', `week-${i}`, 'Wait a week', { duration: { amount: 1, unit: 'weeks' } })]),
        step([0, 2 * i + 1], 'send', `lesson-${i + 1}`, `Lesson ${i + 1}`, config),
      ]),
      step([0, 8], 'exit', 'done', 'Course done', { label: 'Course done' }),
    ],
    edges: ways('entry > lesson-1 > week-1 > lesson-2 > week-2 > lesson-3 > week-3 > lesson-4 > done'),
  },
};
