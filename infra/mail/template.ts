import type { Condition, Operand } from '#domain/content/expressions.ts';
import { encodeEntities } from '#domain/content/html.ts';
import { parseTemplate, type Arm, type Piece } from '#domain/content/language.ts';
import type { LinkTarget } from '#domain/content/link-target.ts';
import { linkMarks } from '#domain/content/links.ts';
import { SIGN_GUARD, spinChoice } from '#domain/content/spintax.ts';
import { holds, outputText, type Fields, type Value } from '#domain/content/values.ts';
import { encodeBody, encodeValue } from './mime.ts';

/** What makes one mail hers. */
export interface Person {
  readonly fields: Fields;
  /** Tracking ids of her message, by place. */
  readonly tokens: readonly string[];
  /** What her choices follow from. */
  readonly seed: number;
}

/** An address in a mail: the same for all, one that ends with a tracking id, or one that her fields make. */
export type Address = string | { readonly before: string; readonly token: number } | { readonly target: LinkTarget };

export interface Plan {
  /** Whether every mail gets the same text. */
  readonly isFixed: boolean;
  render(person: Person): string;
}

export interface PlanOptions {
  /** `html` and `text` are bodies, `header` is plain text. */
  readonly place: 'html' | 'text' | 'header';
  /** Whether a body comes out encoded for the wire; previews do not. */
  readonly isEncoded: boolean;
  /** Where link `no` of the source leads. */
  readonly linkAt: (no: number) => Address;
  /** Pages of ours by their merge tag, like `unsubscribe_url`. */
  readonly pageOf: (tag: string) => Address | undefined;
  /** Values that are the same for everybody, by path. */
  readonly constants: ReadonlyMap<string, Value>;
}

type Step = string | ((person: Person) => string);

const nobody: Fields = new Map();

/**
 * Compiles a source to fixed texts, slots and choices, so that a mail costs its slots only.
 * A slot encodes for its place: HTML escapes, `href` and `src` are URL-encoded, and what a value holds is never parsed again.
 */
export function compilePlan(source: string, options: PlanOptions): Plan {
  const { place, constants } = options;
  const isEncoded = options.isEncoded && place !== 'header';
  const encode = isEncoded ? encodeBody : asItIs;
  const tokenEnd = isEncoded ? '=\r\n' : '';
  // What was written so far, to know whether a slot stands inside an attribute; slots count as one character.
  let written = '';

  const steps = (pieces: readonly Piece[]): Step[] => join(pieces.flatMap(stepsOf));
  function stepsOf(piece: Piece): Step[] {
    if (piece.kind === 'literal') return literal(piece.text);
    if (piece.kind === 'branch') return branch(piece.arms);
    if (piece.kind === 'choice') {
      const options = piece.options.map((option) => compact(steps(option)));
      return [(person) => run(options[spinChoice(person.seed, piece.no, options.length)] ?? '', person)];
    }
    const page = 'path' in piece.operand ? options.pageOf(piece.operand.path) : undefined;
    if (page !== undefined) {
      written += 'x';
      return address(page);
    }
    const bound = { ...piece, operand: bind(piece.operand), filters: piece.filters.map((filter) => ('argument' in filter ? { ...filter, argument: bind(filter.argument) } : filter)) };
    const write = encoder();
    written += 'x';
    const isConstant = 'literal' in bound.operand && bound.filters.every((filter) => !('argument' in filter) || 'literal' in filter.argument);
    return [isConstant ? write(outputText(bound, nobody)) : (person) => write(outputText(bound, person.fields))];
  }

  function literal(text: string): Step[] {
    const out: Step[] = [];
    const plain = text.replaceAll(SIGN_GUARD, '');
    let at = 0;
    for (const mark of plain.matchAll(linkMarks)) {
      out.push(encode(plain.slice(at, mark.index)), ...address(options.linkAt(Number(mark[1]))));
      at = mark.index + mark[0].length;
    }
    out.push(encode(plain.slice(at)));
    written = (written + plain).slice(-4_000);
    return out;
  }

  function address(to: Address): Step[] {
    const inPlace = (url: string) => encode(place === 'html' ? encodeEntities(url) : url);
    if (typeof to === 'string') return [inPlace(to)];
    if ('token' in to) return [inPlace(to.before), (person) => (person.tokens[to.token] ?? '') + tokenEnd];
    return [(person) => inPlace(to.target(person.fields) ?? '#')];
  }

  function branch(arms: readonly Arm[]): Step[] {
    const ways = arms.map((arm) => ({ when: arm.when === null ? null : bindCondition(arm.when), steps: compact(steps(arm.pieces)) }));
    return [(person) => {
      for (const way of ways) if (way.when === null || holds(way.when, person.fields)) return run(way.steps, person);
      return '';
    }];
  }

  function encoder(): (value: string) => string {
    const attribute = place === 'html' ? /<[a-z][^<>]*\b(?:href|src)\s*=\s*(?:"([^"<>]*)|'([^'<>]*))$/i.exec(written) : null;
    const escape = attribute === null ? (place === 'html' ? encodeEntities : asItIs) : (attribute[1] ?? attribute[2]) === '' ? encodeAddress : encodePart;
    if (!isEncoded) return escape;
    return (value) => encodeValue(value, attribute !== null) ?? encodeBody(escape(value));
  }

  function bind(operand: Operand): Operand {
    return 'path' in operand && constants.has(operand.path) ? { literal: constants.get(operand.path) ?? null } : operand;
  }

  function bindCondition(condition: Condition): Condition {
    if (condition.kind === 'truthy') return { ...condition, operand: bind(condition.operand) };
    if (condition.kind === 'compare') return { ...condition, left: bind(condition.left), right: bind(condition.right) };
    return { ...condition, left: bindCondition(condition.left), right: bindCondition(condition.right) };
  }

  const all = steps(parseTemplate(source).pieces);
  return { isFixed: all.every((step) => typeof step === 'string'), render: (person) => run(all, person) };
}

const asItIs = (value: string): string => value;
const encodePart = (value: string): string => encodeURIComponent(value.toWellFormed());

/** A whole address in `href` or `src`: only http, https and mailto, so that a field can never become a script. */
function encodeAddress(value: string): string {
  if (/^(https?:\/\/|mailto:)/i.test(value)) return encodeEntities(encodeURI(value.toWellFormed()).replaceAll('%25', '%'));
  return encodePart(value);
}

/** Neighbouring fixed pieces become one. */
function join(steps: readonly Step[]): Step[] {
  const joined: Step[] = [];
  for (const step of steps) {
    const last = joined.at(-1);
    if (step === '') continue;
    if (typeof step === 'string' && typeof last === 'string') joined[joined.length - 1] = last + step;
    else joined.push(step);
  }
  return joined.map((step) => (typeof step === 'string' ? flat(step) : step));
}

/** A text put together from pieces is kept as a tree of them, which every mail walked again: 0.05 of 0.06 ms a mail. */
function flat(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function compact(steps: readonly Step[]): Step | readonly Step[] {
  return steps.length === 1 && steps[0] !== undefined ? steps[0] : steps;
}

function run(steps: Step | readonly Step[], person: Person): string {
  if (typeof steps === 'string') return steps;
  if (typeof steps === 'function') return steps(person);
  let out = '';
  for (const step of steps) out += typeof step === 'string' ? step : step(person);
  return out;
}
