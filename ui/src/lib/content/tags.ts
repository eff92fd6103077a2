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
