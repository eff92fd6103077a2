import type { Field, Rule } from '$lib/api/types.ts';
import { describe } from '#domain/segment/describe.ts';

/** A rule from an address in words; a text that is no rule as it is. Names of lists, segments and campaigns are not known here. */
export function sentenceOf(text: string, fields: readonly Field[]): string {
  try {
    const rule = JSON.parse(text) as Rule;
    return describe(rule, { catalogue: fields.map(({ key, label, type, no }) => ({ key, label, type, no, slot: null })), zone: 'UTC', now: 0, lists: {}, segments: {}, sources: {}, customEvents: {} });
  } catch {
    return text;
  }
}
