import { anniversaryBase, encodeOverflow, type CustomerDocument } from '../customer/document.ts';
import { fold, parseNumber, readValue, standardFields, type CustomField } from '../customer/fields.ts';
import type { Value } from '../content/values.ts';
import { monthDay } from '../segment/windows.ts';
import type { Change, JourneyEvent, StepMail } from './nodes/node.ts';

/** Somebody a draft is tried with, as she is now. */
export interface SimulatedPerson {
  readonly customerId: number;
  /** When she would have entered, epoch ms. */
  readonly enteredAt: number;
  readonly timezone: string | null;
  readonly fields: Readonly<Record<string, Value>>;
  readonly document: CustomerDocument;
  /** The event that would have brought her in. */
  readonly event: JourneyEvent | null;
  /** What she did since then, oldest first. */
  readonly events: readonly JourneyEvent[];
}

/** What becomes of her on the way: kept apart, so that nothing of hers is changed. */
export interface Traveller {
  timezone: string | null;
  fields: Readonly<Record<string, Value>>;
  document: CustomerDocument;
  sends: StepMail[];
}

export function setOut({ timezone, fields, document }: SimulatedPerson): Traveller {
  return { timezone, fields, document, sends: [] };
}

/** What a step writes, so that later conditions see it: as the engine would, misfits and sums past the digits left out. */
export function applyChange(traveller: Traveller, change: Change, catalogue: readonly CustomField[], zone: string): void {
  if (change.kind === 'list') {
    const others = traveller.document.lists.filter((list) => list !== change.listId);
    traveller.document = { ...traveller.document, lists: change.in ? [...others, change.listId] : others };
    return;
  }
  const field = targetOf(change.field, catalogue);
  if (field === null) return;
  const raw = rawAfter(change, traveller.fields[change.field]);
  if (raw === null || (raw !== '' && readValue(field.type, raw, zone) === null)) return;
  const read = raw === '' ? null : readValue(field.type, raw, zone);
  const { [change.field]: _before, ...others } = traveller.fields;
  const shown = field.type === 'number' || field.type === 'boolean' ? read : raw;
  traveller.fields = raw === '' ? others : { ...others, [change.field]: shown };
  if (change.field === 'timezone') traveller.timezone = raw === '' ? null : raw;
  traveller.document = field.custom === null ? withOwn(traveller.document, change.field, read) : withCustom(traveller.document, field.custom, read, zone);
}

function targetOf(path: string, catalogue: readonly CustomField[]): { readonly type: CustomField['type']; readonly custom: CustomField | null } | null {
  if (Object.hasOwn(standardFields, path)) return { type: standardFields[path as keyof typeof standardFields].type, custom: null };
  const custom = catalogue.find(({ key }) => `custom.${key}` === path);
  return custom === undefined ? null : { type: custom.type, custom };
}

/** @returns the value as text, empty when it is cleared, null when it stays */
function rawAfter({ mode, value }: Extract<Change, { kind: 'field' }>, held: Value): string | null {
  if (mode === 'clear') return '';
  if (mode === 'set') return value === null ? '' : String(value).trim();
  const [before, amount] = [held === undefined || held === null || held === '' ? 0 : parseNumber(String(held)), parseNumber(String(value))];
  if (before === null || amount === null) return null;
  return String(Number((mode === 'add' ? before + amount : before - amount).toPrecision(14)));
}

function withOwn(document: CustomerDocument, name: string, read: string | number | boolean | null): CustomerDocument {
  const { [name]: _before, ...others } = document;
  return { ...others, ...(read === null ? {} : { [name]: typeof read === 'string' ? fold(read) : read }) } as CustomerDocument;
}

function withCustom(document: CustomerDocument, field: CustomField, read: string | number | boolean | null, zone: string): CustomerDocument {
  const no = String(field.no);
  const base = anniversaryBase(field.no);
  const changed: Record<string, unknown> = {
    ...document,
    set: [...document.set.filter((each) => each !== no), ...(read === null ? [] : [no])],
    anniversary: [...document.anniversary.filter((day) => day < base || day >= base + 512), ...(field.type === 'date' && read !== null ? [base + monthDay(read as number, zone)] : [])],
  };
  if (field.slot !== null) {
    if (read === null) delete changed[field.slot];
    else changed[field.slot] = read;
    return changed as CustomerDocument;
  }
  const { [no]: _before, ...more } = document.more ?? {};
  const texts = (document.more_text ?? []).filter((each) => !each.startsWith(`${no}|`));
  changed['more'] = read === null ? more : { ...more, [no]: encodeOverflow(read) };
  changed['more_text'] = typeof read === 'string' ? [...texts, `${no}|${read}`] : texts;
  return changed as CustomerDocument;
}
