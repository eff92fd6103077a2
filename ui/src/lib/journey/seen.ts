import { exact } from '$lib/format/format.svelte.ts';
import { strings } from '$lib/strings/en.ts';
import { journeyText } from '$lib/strings/en/journeys.ts';

/** What a step saw and did of one person, as its activity wrote it down, in words. */
export interface Seen { readonly label: string; readonly value: string }

const isInstant = (value: string) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(value) && !Number.isNaN(Date.parse(value));

function say(value: unknown): string {
  if (value === null || value === undefined || value === '') return strings.common.no;
  if (typeof value === 'boolean') return value ? strings.common.yes : strings.common.no;
  if (typeof value === 'string') return isInstant(value) ? exact(value) : value;
  if (Array.isArray(value)) return value.map(say).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value as number);
}

const nameOf = (key: string): string => {
  const words = key.replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};
const fieldName = (path: unknown): string => (typeof path === 'string' ? (strings.segments.fields[path] ?? path.replace(/^custom\./, '')) : '');

/** @param detail a few plain values by name; a field and its value become one line */
export function seenOf(detail: Readonly<Record<string, unknown>> | null): Seen[] {
  if (detail === null) return [];
  const { field, value, ...rest } = detail;
  const others = Object.entries(rest).filter(([key]) => !(key === 'mode' && field !== undefined)).map(([key, each]) => ({ label: journeyText.path.details[key] ?? nameOf(key), value: say(each) }));
  if (field === undefined) return [...('value' in detail ? [{ label: nameOf('value'), value: say(value) }] : []), ...others];
  const mode = typeof rest['mode'] === 'string' ? (journeyText.path.modes[rest['mode']] ?? '') : '';
  return [{ label: fieldName(field), value: [mode, rest['mode'] === 'clear' ? '' : value === null || value === '' ? journeyText.path.noValue : say(value)].filter(Boolean).join(' ') }, ...others];
}
