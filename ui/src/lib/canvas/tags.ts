import type { Field } from '$lib/api/types.ts';
import { tagsOf, type Tag } from '$lib/content/tags.ts';
import { builder } from '$lib/strings/en/journey-builder.ts';

/** Tags of what a journey writes: those of a mail, with the journey in place of the campaign, and the event that brought people in. */
export function journeyTags(fields: readonly Pick<Field, 'key' | 'label'>[]): Tag[] {
  return [...tagsOf(fields).filter(({ tag }) => tag !== 'campaign.name'), ...Object.entries(builder.fields.tags).map(([tag, label]): Tag => ({ tag, label, group: 'sender' }))];
}
