import type { CustomField } from '../customer/fields.ts';
import { standardFields, systemFields } from '../customer/fields.ts';
import { clean } from '../content/links.ts';
import { parseTemplate, usesOf, type Piece } from '../content/language.ts';
import { holds, outputText, resolve, type Fields, type Value } from '../content/values.ts';
import { valueAt } from './filters.ts';
import type { ConfigProblem, Member, Surroundings } from './nodes/node.ts';

/** The merge language where journeys use it outside mails: field values and webhook payloads. */

/** What a template of a journey can read beside the customer's fields. */
export const journeyPaths = ['journey.id', 'journey.name', 'step.id', 'step.name', 'event.name', 'event.at', 'customer.id', 'now'] as const;

/** Values a template reads for one customer on one step. */
export function templateFields(member: Member, around: Pick<Surroundings, 'journeyId' | 'journeyName' | 'node' | 'now'>): Fields {
  const { event } = member;
  return {
    get(path): Value {
      switch (path) {
        case 'journey.id': return around.journeyId;
        case 'journey.name': return around.journeyName;
        case 'step.id': return around.node.id;
        case 'step.name': return around.node.name;
        case 'customer.id': return member.customerId;
        case 'now': return new Date(around.now).toISOString();
        case 'event.name': return event?.name ?? event?.type;
        case 'event.at': return event == null ? undefined : new Date(event.at).toISOString();
        default: return path.startsWith(PROPERTIES) ? plain(valueAt(path.slice(PROPERTIES.length), event?.properties ?? {})) : fieldOf(member, path);
      }
    },
  };
}

const PROPERTIES = 'event.properties.';

function fieldOf({ fields = {} }: Member, path: string): Value {
  return Object.hasOwn(fields, path) ? fields[path] : undefined;
}

/** What a template prints of a property: lists and objects as JSON. */
function plain(value: unknown): Value {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as Value);
}

/** A template as text. */
export function renderText(source: string, fields: Fields): string {
  let out = '';
  write(parseTemplate(clean(source)).pieces, fields, (text) => (out += text), (piece) => (out += outputText(piece, fields)));
  return out;
}

/**
 * A template as JSON: what a value holds can never end the string it stands in. Inside quotes a value is escaped, outside it is
 * written as JSON, a missing one as null; so `{"score": {{score}}, "name": "{{first_name}}"}` is always JSON.
 */
export function renderJson(source: string, fields: Fields): string {
  let out = '';
  let inString = false;
  const literal = (text: string) => {
    for (let i = 0; i < text.length; i += 1) {
      if (text[i] === '\\' && inString) i += 1;
      else if (text[i] === '"') inString = !inString;
    }
    out += text;
  };
  write(parseTemplate(clean(source)).pieces, fields, literal, (piece) => {
    if (inString) out += JSON.stringify(outputText(piece, fields)).slice(1, -1);
    else out += jsonOf(piece, fields);
  });
  return out;
}

function jsonOf(piece: Output, fields: Fields): string {
  const value = piece.filters.length === 0 ? resolve(piece.operand, fields) : outputText(piece, fields);
  return JSON.stringify(value === undefined || value === '' || (typeof value === 'number' && !Number.isFinite(value)) ? null : value);
}

type Output = Extract<Piece, { kind: 'output' }>;

function write(pieces: readonly Piece[], fields: Fields, literal: (text: string) => void, output: (piece: Output) => void): void {
  for (const piece of pieces) {
    if (piece.kind === 'literal') literal(piece.text);
    else if (piece.kind === 'output') output(piece);
    else if (piece.kind === 'branch') {
      const arm = piece.arms.find(({ when }) => when === null || holds(when, fields));
      if (arm !== undefined) write(arm.pieces, fields, literal, output);
    }
  }
}

/** What is wrong with a template: what cannot be read, and fields there are none of without a default. */
export function checkTemplate(source: string, field: string, catalogue: readonly CustomField[]): ConfigProblem[] {
  const { pieces, problems } = parseTemplate(clean(source));
  const found: ConfigProblem[] = problems.map(({ message, line, column }) => ({ field, message: `Line ${line}, column ${column}: ${message}`, severity: 'error' }));
  const keys = new Set(catalogue.map(({ key }) => key));
  for (const { path, line, column, hasDefault } of usesOf(pieces)) {
    if (hasDefault || isKnown(path, keys)) continue;
    found.push({ field, message: `Line ${line}, column ${column}: there is no field ${path}. Correct the name, or give a default: {{ ${path} | default: "…" }}.`, severity: 'error' });
  }
  return found;
}

function isKnown(path: string, keys: ReadonlySet<string>): boolean {
  if (Object.hasOwn(standardFields, path) || Object.hasOwn(systemFields, path) || (journeyPaths as readonly string[]).includes(path) || path.startsWith(PROPERTIES)) return true;
  return path.startsWith('custom.') && keys.has(path.slice(7));
}
