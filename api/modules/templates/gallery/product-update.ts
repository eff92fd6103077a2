import { button, end, FONT, frame, heading, mark, row, rule, title, words } from './frame.ts';

const change = (kind: string, color: string, name: string, text: string) => `<tr>
    <td style="padding:0 0 24px;">
      <p style="margin:0 0 6px;font:600 13px/18px ${FONT};color:#ffffff;"><span style="display:inline-block;padding:2px 10px;background:${color};border-radius:20px;color:#ffffff;">${kind}</span></p>
      ${heading(name)}
      ${words(text).replace('margin:0 0 16px', 'margin:0')}
    </td>
  </tr>`;

/** What changed in a product, in the order of weight. */
export const productUpdate = {
  key: 'product-update', name: 'Product update', description: 'What is new, better and fixed, each in two sentences. For people who use what you make.',
  subject: 'New in {{ now | date: "%B" }}: {what changed for you|three things that got better}',
  preheader: 'One thing that is new, one that is better, one that is fixed.',
  html: frame([
    mark(),
    row(title('What is new this month'), '20px 48px 0'),
    row(words('{Hi|Hello} {{ first_name | default: "there" }}, here is what we have been building for you since last time.'), '14px 48px 0'),
    row(`<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
  ${change('New', '#15803d', 'The thing everybody asked for', 'Say what can be done now that could not be done before, in the words of those who use it.')}
  ${change('Better', '#4338ca', 'Something that was good already', 'What is faster, shorter or clearer than it was, with a number if you have an honest one.')}
  ${change('Fixed', '#b45309', 'The one that was in the way', 'What went wrong, that it does not any more, and thanks to whoever told you.')}
</table>`, '12px 48px 0'),
    row(button('Try it now', 'https://example.com/'), '0 48px 0'),
    rule,
    row(words('What should we build next? Reply to this mail: we read every answer.'), '12px 48px 0'),
    end,
  ].join('')),
} as const;
