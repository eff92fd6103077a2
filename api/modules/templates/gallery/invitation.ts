import { aside, box, button, end, FONT, frame, link, mark, row, title, words } from './frame.ts';

const fact = (name: string, value: string) => `<p class="ink" style="margin:0 0 12px;font:400 16px/24px ${FONT};color:#27303f;"><span class="soft" style="color:#5b616e;">${name}</span><br><b>${value}</b></p>`;

/** An event: what, when, where, and an answer. */
export const invitation = {
  key: 'invitation', name: 'Invitation', description: 'What, when and where at a glance, and a button to say yes. For events online and on the spot.',
  subject: 'You are invited, {{ first_name | default: "friend" }}',
  preheader: 'Thursday evening, an hour, a chair kept for you.',
  html: frame([
    mark(),
    row(title('You are invited to an evening with us'), '20px 48px 0'),
    row(words('{Dear|Hello} {{ first_name | default: "friend" }}, say in two sentences what will happen, who will be there and what people take home. Then let the facts speak.'), '14px 48px 0'),
    row(box([
      fact('When', 'Thursday, 21 May, 18:30 to 20:00'),
      fact('Where', 'The name of the place, a street and a city'),
      fact('What it costs', 'Nothing; bring somebody if you like'),
    ].join('\n')), '8px 48px 0'),
    row(button('Yes, I will come', 'https://example.com/yes'), '28px 48px 0'),
    row(aside(`Not this time? ${link('Let us know', 'https://example.com/no')}, so that somebody else can have your chair.`), '20px 48px 0'),
    end,
  ].join('')),
} as const;
