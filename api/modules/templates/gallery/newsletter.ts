import { aside, button, end, FONT, frame, heading, link, mark, row, rule, title, words } from './frame.ts';

const column = (content: string, side: 'left' | 'right') => `
    <td class="column" width="50%" valign="top" style="width:50%;padding:${side === 'left' ? '0 14px 0 0' : '0 0 0 14px'};">
${content.trim().split('\n').map((line) => `      ${line}`).join('\n')}
    </td>`;
const item = (label: string, text: string) => `<tr>
    <td valign="top" style="padding:0 0 14px;"><p class="ink" style="margin:0;font:400 16px/24px ${FONT};color:#27303f;">${link(label, 'https://example.com/')} — ${text}</p></td>
  </tr>`;

/** Several things at once: a lead story, two beside each other, a list of links. */
export const newsletter = {
  key: 'newsletter', name: 'Newsletter', description: 'A lead story, two more side by side, and a list of links. For what comes every week or month.',
  subject: '{{ organization.name }} in {{ now | date: "%B" }}: three things worth your time',
  preheader: 'The lead story, two short reads and what else we found.',
  html: frame([
    mark(),
    row(aside('{{ now | date: "%B %Y" }}'), '4px 48px 0'),
    row([
      title('The story that leads this issue'),
    ].join('\n'), '20px 48px 0'),
    row([
      words('Open with the thing most people will want to read. Two or three sentences that give the point away are better than a riddle: who wants more presses the button.'),
      button('Read the story', 'https://example.com/'),
    ].join('\n'), '16px 48px 0'),
    rule,
    row(`<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
  <tr>${column([heading('A second story'), words('What it is about, in two sentences. End with the reason to go on.'), link('Go on reading', 'https://example.com/')].join('\n'), 'left')}${column([heading('And a third'), words('The same length as its neighbour, so that both stand level on a wide screen.'), link('Go on reading', 'https://example.com/')].join('\n'), 'right')}
  </tr>
</table>`, '16px 48px 8px'),
    rule,
    row(`${heading('Also worth a look')}
<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
  ${item('A link with a clear name', 'one line on why it is here.')}
  ${item('Another one', 'and what is to be found there.')}
  ${item('The last of three', 'more than five are a directory.')}
</table>`, '16px 48px 0'),
    end,
  ].join('')),
} as const;
