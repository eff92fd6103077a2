import type { Condition, Filter, Operand } from './expressions.ts';
import type { Piece } from './language.ts';

export type Value = string | number | boolean | null | undefined;
/** A person's fields by path, like `first_name` or `custom.plan`: a Map, or what looks like one. Own keys only: `constructor` is a missing field. */
export interface Fields {
  get(path: string): Value;
}

/** Longest text one value may put into a mail; the rest is cut. */
const MAX_VALUE_LENGTH = 10_000;

/** The text of an output before it is encoded for its place; a missing value is empty. */
export function outputText(piece: Extract<Piece, { kind: 'output' }>, fields: Fields): string {
  let value = resolve(piece.operand, fields);
  for (const filter of piece.filters) value = applyFilter(filter, value, fields);
  return print(value).slice(0, MAX_VALUE_LENGTH);
}

export function resolve(operand: Operand, fields: Fields): Value {
  return 'path' in operand ? fields.get(operand.path) : operand.literal;
}

function print(value: Value): string {
  return value === null || value === undefined ? '' : String(value);
}

function applyFilter(filter: Filter, value: Value, fields: Fields): Value {
  switch (filter.name) {
    case 'default':
      return value === undefined || value === null || value === false || value === '' ? resolve(filter.argument, fields) : value;
    case 'upcase':
      return print(value).toUpperCase();
    case 'downcase':
      return print(value).toLowerCase();
    case 'capitalize':
      return print(value).charAt(0).toUpperCase() + print(value).slice(1).toLowerCase();
    case 'escape':
      return value;
    case 'date':
      return formatDate(value, print(resolve(filter.argument, fields)));
  }
}

export function holds(condition: Condition, fields: Fields): boolean {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, fields) && holds(condition.right, fields);
    case 'or':
      return holds(condition.left, fields) || holds(condition.right, fields);
    case 'truthy': {
      const value = resolve(condition.operand, fields);
      // An empty text is not set, as in segments and in `default`.
      return value !== undefined && value !== null && value !== false && value !== '';
    }
    case 'compare':
      return compare(resolve(condition.left, fields), condition.operator, resolve(condition.right, fields));
  }
}

function compare(left: Value, operator: string, right: Value): boolean {
  if (operator === 'contains') return left !== null && left !== undefined && print(left).includes(print(right));
  if (operator === '==') return (left ?? null) === (right ?? null) || (right === null && left === '');
  if (operator === '!=') return !compare(left, '==', right);
  if (typeof left !== typeof right || left === null || right === null || left === undefined || right === undefined) return false;
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  if (operator === '>') return left > right;
  return left >= right;
}

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** strftime letters Y y m d e B b A a H I p M S on a date's own parts, `%-d` without its zero; what is no date prints as it came. */
function formatDate(value: Value, format: string): Value {
  const parts = typeof value === 'string' ? /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?/.exec(value) : null;
  if (parts === null) return value;
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00'] = parts;
  const monthName = months[Number(month) - 1] ?? '';
  const weekday = weekdays[dayOfWeek(Number(year), Number(month), Number(day))] ?? '';
  const letters: Record<string, string> = {
    Y: year, y: year.slice(2), m: month, d: day, e: String(Number(day)), B: monthName, b: monthName.slice(0, 3),
    A: weekday, a: weekday.slice(0, 3), H: hour, I: String(((Number(hour) + 11) % 12) + 1).padStart(2, '0'), p: Number(hour) < 12 ? 'AM' : 'PM', M: minute, S: second, '%': '%',
  };
  return format.replaceAll(/%(-?)([A-Za-z%])/g, (whole, bare: string, letter: string) => {
    const text = letters[letter];
    return text === undefined ? whole : bare === '' ? text : text.replace(/^0(?=\d)/, '');
  });
}

/** Sakamoto's method; 0 is Sunday. */
function dayOfWeek(year: number, month: number, day: number): number {
  const offsets = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
  const y = month < 3 ? year - 1 : year;
  return (y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + (offsets[month - 1] ?? 0) + day) % 7;
}
