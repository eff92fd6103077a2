import { aside, button, end, FONT, frame, row, words } from './frame.ts';

/** One piece of news, said large, with one thing to do. */
export const announcement = {
  key: 'announcement', name: 'Announcement', description: 'One piece of news, said large, with one button. For what nobody should miss.',
  subject: 'It is here: the news in a few words',
  preheader: 'What is new, since when, and what it does for you.',
  html: frame([
    `
<tr>
  <td class="pad" align="center" bgcolor="#312e81" style="padding:56px 48px 48px;background:#312e81;border-radius:12px 12px 0 0;">
    <p style="margin:0 0 12px;font:600 14px/20px ${FONT};color:#c7d2fe;letter-spacing:0.3px;">{{ organization.name }}</p>
    <h1 class="title" style="margin:0;font:700 36px/44px ${FONT};color:#ffffff;letter-spacing:-0.8px;">Say the news here in one short line</h1>
  </td>
</tr>`,
    row([
      words('{{ first_name | default: "Hello" }}, this is the one thing we want you to know. Explain in a sentence what has changed, and in another what it means for you.', 'center'),
    ].join('\n'), '36px 48px 0', 'center'),
    row(button('See what is new', 'https://example.com/', 'center'), '12px 48px 0', 'center'),
    row(aside('Questions? Reply to this mail, a person reads it.', 'center'), '28px 48px 0', 'center'),
    end,
  ].join('')),
} as const;

