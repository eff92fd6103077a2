import { parseDate } from '../segment/windows.ts';

/** How files write dates besides ISO; chosen per column, because 03/04 is two days. */
export const datePatterns = ['DD/MM/YYYY', 'MM/DD/YYYY', 'DD.MM.YYYY', 'DD-MM-YYYY', 'MM-DD-YYYY', 'YYYY/MM/DD', 'YYYY.MM.DD', 'YYYYMMDD'] as const;

export type DatePattern = (typeof datePatterns)[number];

const TIME = '(?:[T ,]+(\\d{1,2}):(\\d{2})(?::(\\d{2}))?(?: ?(am|pm))?)?';

/**
 * Reads values of one pattern as ISO: `31/01/2026` as `2026-01-31`, `31/01/2026 2:05 pm` as `2026-01-31T14:05:00`.
 * One-digit days and months are taken; a value that is ISO already stays.
 * @returns a reader that answers null for what is no such date
 */
export function createDateReader(pattern: DatePattern): (text: string) => string | null {
  const order: string[] = pattern.match(/YYYY|MM|DD/g) ?? [];
  const digits = (part: string) => (part === 'YYYY' ? '(\\d{4})' : pattern === 'YYYYMMDD' ? '(\\d{2})' : '(\\d{1,2})');
  const separator = /[^YMD]/.exec(pattern)?.[0] ?? '';
  const shape = new RegExp(`^${order.map(digits).join(separator === '.' ? '\\.' : separator)}${TIME}$`, 'i');
  const [year, month, day] = ['YYYY', 'MM', 'DD'].map((part) => order.indexOf(part) + 1) as [number, number, number];
  return (text) => {
    const trimmed = text.trim();
    const found = shape.exec(trimmed);
    const iso = found === null ? trimmed : `${found[year]}-${two(found[month])}-${two(found[day])}${timeOf(found)}`;
    return /^\d{4}-/.test(iso) && parseDate(iso, 'UTC') !== null ? iso : null;
  };
}

/** The patterns by which all of these values are dates; none when there are no values. */
export function fittingPatterns(values: readonly string[]): DatePattern[] {
  return values.length === 0 ? [] : datePatterns.filter((pattern) => {
    const read = createDateReader(pattern);
    return values.every((value) => read(value) !== null);
  });
}

function timeOf(found: RegExpExecArray): string {
  const [, , , , hours, minutes, seconds, half] = found;
  if (hours === undefined) return '';
  const at = half === undefined ? Number(hours) : (Number(hours) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  return `T${two(String(at))}:${minutes}:${seconds ?? '00'}`;
}

const two = (digits = '') => digits.padStart(2, '0');
