import { aside, box, button, end, FONT, frame, mark, row, title, words } from './frame.ts';

/** For those who were not heard of for a while: a reason to come back, and an honest way out. */
export const winBack = {
  key: 'win-back', name: 'Win-back', description: 'A reason to come back for those not heard of in a while, and an honest way out.',
  subject: '{It has been a while|We have not seen you lately}, {{ first_name | default: "friend" }}',
  preheader: 'Here is what you missed, and something to come back for.',
  html: frame([
    mark('center'),
    row(title('It has been a while', 'center'), '28px 48px 0', 'center'),
    row(words('{{ first_name | default: "Hello" }}, we have not seen you for some time. A lot has changed since: name the one thing your reader would like most, and what it does for them.', 'center'), '16px 48px 0', 'center'),
    row(box([
      `<p class="soft" style="margin:0 0 4px;font:400 14px/20px ${FONT};color:#5b616e;text-align:center;">Your code for 20 % off, until the end of the month</p>`,
      `<p class="ink" style="margin:0 0 12px;font:700 28px/36px ${FONT};color:#111827;letter-spacing:3px;text-align:center;">WELCOME20</p>`,
    ].join('\n'), 'center'), '8px 48px 0', 'center'),
    row(button('Come back and look', 'https://example.com/', 'center'), '28px 48px 0', 'center'),
    row(aside('Not interested any more? No hard feelings: <a class="soft" href="{{ unsubscribe_url }}" style="color:#5b616e;text-decoration:underline;">unsubscribe</a>, and this was the last mail.', 'center'), '28px 48px 0', 'center'),
    end,
  ].join('')),
} as const;
