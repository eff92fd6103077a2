import type { Field } from '$lib/api/types.ts';
import { editing } from '$lib/strings/en/editing.ts';

/** A merge tag as people choose it. */
export interface Tag { readonly tag: string; readonly label: string; readonly group: keyof typeof editing.tagGroups }

const groups: readonly (readonly [Tag['group'], readonly string[]])[] = [
  ['customer', ['first_name', 'last_name', 'email', 'phone', 'city', 'country', 'score', 'timezone']],
  ['links', ['unsubscribe_url', 'preferences_url', 'web_version_url']],
  ['sender', ['organization.name', 'organization.address', 'campaign.name', 'now']],
];

/** Every tag a mail can have, an organization's own fields among them. */
export function tagsOf(fields: readonly Pick<Field, 'key' | 'label'>[]): Tag[] {
  const [customer = [], ...others] = groups.map(([group, tags]) => tags.map((tag) => ({ tag, group, label: editing.tags[tag] ?? tag })));
  return [...customer, ...fields.map(({ key, label }) => ({ tag: `custom.${key}`, label, group: 'custom' as const })), ...others.flat()];
}

/** Tags that make sense in a line of text: not the links. */
export const lineTags = (tags: readonly Tag[]): Tag[] => tags.filter(({ group }) => group !== 'links');

export const mergeTag = (tag: string): string => `{{${tag}}}`;

const hasUnsubscribe = (part: string) => /\{\{-?\s*unsubscribe_url\b/.test(part);
const address = '{% if organization.address != "" %}, {{organization.address}}{% endif %}';

/** A mail with name, postal address and unsubscribe link at its end, in each part that lacks the link. */
export function withFooter({ html, text }: { html: string; text: string }): { html: string; text: string } {
  const link = editing.footerLink;
  const footer = `<p style="margin:24px 0 0;font-size:12px;line-height:18px;color:#6b7280;text-align:center">{{organization.name}}${address}<br><a href="{{unsubscribe_url}}" style="color:#6b7280">${link}</a></p>\n`;
  return {
    html: hasUnsubscribe(html) || html.trim() === '' ? html : /<\/body>/i.test(html) ? html.replace(/<\/body>/i, (end) => footer + end) : `${html.trimEnd()}\n${footer}`,
    text: hasUnsubscribe(text) || text.trim() === '' ? text : `${text.trimEnd()}\n\n--\n{{organization.name}}${address}\n${link}: {{unsubscribe_url}}\n`,
  };
}

/** Whether a part that is written lacks the link that marketing mail must have. */
export const lacksFooter = ({ html, text }: { html: string; text: string }): boolean => [html, text].some((part) => part.trim() !== '' && !hasUnsubscribe(part));

/** The mail as an inbox in dark mode shows it: by its own dark styles, or turned around as mail programs do. */
export function darkened(html: string): string {
  const own = /\(\s*prefers-color-scheme\s*:\s*dark\s*\)/gi;
  if (own.test(html)) return html.replaceAll(own, '(min-width: 0)');
  const style = '<style>html{filter:invert(0.93) hue-rotate(180deg);background:#fff}img,picture,video{filter:invert(1) hue-rotate(180deg)}</style>';
  return /<\/head>/i.test(html) ? html.replace(/<\/head>/i, (end) => style + end) : style + html;
}
