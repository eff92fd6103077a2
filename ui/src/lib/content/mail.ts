/** The parts of a mail as its author writes them. */
interface Parts { readonly html: string; readonly text: string }

const hasUnsubscribe = (part: string) => /\{\{-?\s*unsubscribe_url\b/.test(part);
const address = '{% if organization.address != "" %}, {{organization.address}}{% endif %}';

/** A mail with name, postal address and unsubscribe link at its end, in each written part that lacks the link; in MJML as a section. @param link its words */
export function withFooter({ html, text }: Parts, link: string): Parts {
  const words = (style: string) => `{{organization.name}}${address}<br><a href="{{unsubscribe_url}}" style="${style}">${link}</a>`;
  const isMjml = /<mjml[\s>]/i.test(html);
  const footer = isMjml
    ? `<mj-section><mj-column><mj-text align="center" font-size="12px" line-height="18px" color="#6b7280">${words('color:#6b7280')}</mj-text></mj-column></mj-section>\n`
    : `<p style="margin:24px 0 0;font-size:12px;line-height:18px;color:#6b7280;text-align:center">${words('color:#6b7280')}</p>\n`;
  const end = isMjml ? /<\/mj-body>/i : /<\/body>/i;
  return {
    html: hasUnsubscribe(html) || html.trim() === '' ? html : end.test(html) ? html.replace(end, (tag) => footer + tag) : `${html.trimEnd()}\n${footer}`,
    text: hasUnsubscribe(text) || text.trim() === '' ? text : `${text.trimEnd()}\n\n--\n{{organization.name}}${address}\n${link}: {{unsubscribe_url}}\n`,
  };
}

/** Whether a part that is written lacks the link that marketing mail must have. */
export const lacksFooter = ({ html, text }: Parts): boolean => [html, text].some((part) => part.trim() !== '' && !hasUnsubscribe(part));

/** The mail as an inbox in dark mode shows it: by its own dark styles, or turned around as mail programs do. */
export function darkened(html: string): string {
  const own = /\(\s*prefers-color-scheme\s*:\s*dark\s*\)/gi;
  if (own.test(html)) return html.replaceAll(own, '(min-width: 0)');
  const style = '<style>html{filter:invert(0.93) hue-rotate(180deg);background:#fff}img,picture,video{filter:invert(1) hue-rotate(180deg)}</style>';
  return /<\/head>/i.test(html) ? html.replace(/<\/head>/i, (end) => style + end) : style + html;
}
