import { end, frame, link, mark, row, words } from './frame.ts';

/** A personal letter: nothing but words, as from one person to another. */
export const letter = {
  key: 'letter', name: 'Letter', description: 'Plain words from one person to another. Reads like a mail you wrote yourself, and is answered like one.',
  subject: '{A quick note|A few words} for you, {{ first_name | default: "friend" }}',
  preheader: 'Something I wanted to tell you in person.',
  html: frame([
    mark(),
    row([
      words('{Hi|Hello} {{ first_name | default: "there" }},'),
      words('I am writing to tell you about something we have been working on. Say it here the way you would say it across a table: what it is, why it matters, and what you would like your reader to do.'),
      words('A second paragraph gives the one detail that makes it real. Keep it short; two or three sentences are plenty.'),
      words(`If that sounds good, ${link('have a look here', 'https://example.com/')}. And if you have a question, just reply: your answer comes straight to me.`),
      words('All the best,<br><b>Your name</b><br>{{ organization.name }}'),
    ].join('\n'), '24px 48px 0'),
    end,
  ].join('')),
} as const;
