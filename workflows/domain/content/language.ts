import { alwaysFalse, parseCondition, parseOperand, parseOutput, splitOutsideQuotes, type Condition, type Filter, type Operand } from './expressions.ts';
import { decodeEntities, endOfMergeTag } from './html.ts';
import { spinMarks } from './spintax.ts';

/** The merge language of product.md 7.1: a subset of Liquid, parsed once into a tree that is rendered per person. */

export interface Problem {
  readonly message: string;
  /** Where in the source, both from 1. */
  readonly line: number;
  readonly column: number;
}

export type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'output'; readonly operand: Operand; readonly filters: readonly Filter[]; readonly line: number; readonly column: number }
  | { readonly kind: 'branch'; readonly arms: readonly Arm[] }
  /** A choice of spintax; `no` is its number in the mail. */
  | { readonly kind: 'choice'; readonly no: number; readonly options: readonly (readonly Piece[])[] };

export interface Arm {
  /** Null for `else`. */
  readonly when: Condition | null;
  readonly pieces: readonly Piece[];
  readonly line: number;
  readonly column: number;
}

export interface Template {
  readonly pieces: readonly Piece[];
  readonly problems: readonly Problem[];
}

const MAX_TAGS = 500;
const MAX_DEPTH = 20;
const MAX_TAG_LENGTH = 2_000;
const MAX_PROBLEMS = 100;

interface OpenArm extends Arm {
  readonly pieces: Piece[];
}
interface Frame {
  readonly tag: 'root' | 'if' | 'unless' | 'case' | 'choice';
  readonly subject?: Operand;
  readonly no?: number;
  readonly arms: OpenArm[];
  /** Where the next piece goes. */
  pieces: Piece[];
}

const marker = new RegExp(`\\{\\{-?|\\{%-?|${spinMarks.open}(\\d+)${spinMarks.number}|[${spinMarks.bar}${spinMarks.close}]`, 'g');

/**
 * Parses a source whose choices are marked already. Never throws: what cannot be read becomes a problem with its place, and
 * its text is left out. Loops, assignments and includes do not exist; their tags are problems like any unknown tag.
 */
export function parseTemplate(source: string): Template {
  const problems: Problem[] = [];
  const root: Frame = { tag: 'root', arms: [], pieces: [] };
  const stack: Frame[] = [root];
  const top = (): Frame => stack.at(-1) ?? root;
  let line = 1;
  let lineStart = 0;
  let tags = 0;
  let at = 0;
  let place = { line: 1, column: 1 };
  const complain = (message: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ message, ...place });
  };
  let nextBreak = source.indexOf('\n');
  const pass = (to: number): void => {
    for (; nextBreak !== -1 && nextBreak < to; nextBreak = source.indexOf('\n', nextBreak + 1)) {
      line += 1;
      lineStart = nextBreak + 1;
    }
    at = to;
  };
  const literal = (to: number): void => {
    if (to > at) top().pieces.push({ kind: 'literal', text: source.slice(at, to) });
    pass(to);
  };
  for (;;) {
    marker.lastIndex = at;
    const found = marker.exec(source);
    if (found === null) break;
    literal(found.index);
    place = { line, column: at - lineStart + 1 };
    const sign = found[0];
    if (!sign.startsWith('{')) {
      choice(sign, found[1]);
      pass(at + sign.length);
      // In the author's source it was one character.
      lineStart += sign.length - 1;
      continue;
    }
    const isOutput = sign.startsWith('{{');
    const known = endOfMergeTag(source, at);
    const end = known === -1 ? source.indexOf(isOutput ? '}}' : '%}', at + 2) + 2 : known;
    if (end === 1) {
      complain(`${isOutput ? '{{' : '{%'} is not closed.`);
      pass(source.length);
      break;
    }
    const inner = decodeEntities(source.slice(at + sign.length, end - 2).replace(/-$/, '').trim());
    tags += 1;
    if (tags === MAX_TAGS + 1) complain(`More than ${MAX_TAGS} tags.`);
    if (inner.length > MAX_TAG_LENGTH) complain(`A tag is longer than ${MAX_TAG_LENGTH} characters.`);
    else if (tags <= MAX_TAGS) {
      if (isOutput) output(inner);
      else control(inner);
    }
    pass(end);
  }
  literal(source.length);
  while (stack.length > 1) {
    if (top().tag !== 'choice') complain(`{% ${top().tag} %} is not closed with {% end${top().tag} %}.`);
    closeFrame();
  }
  return { pieces: root.pieces, problems };

  function choice(sign: string, no: string | undefined): void {
    if (no !== undefined) {
      const pieces: Piece[] = [];
      stack.push({ tag: 'choice', no: Number(no), arms: [{ when: null, pieces, ...place }], pieces });
      return;
    }
    if (top().tag !== 'choice') {
      complain('A choice {…|…} and a condition overlap: close each {% if %} in the option in which it begins.');
      while (stack.length > 1 && top().tag !== 'choice') closeFrame();
      if (top().tag !== 'choice') return;
    }
    if (sign === spinMarks.close) closeFrame();
    else arm(top(), null);
  }

  function output(inner: string): void {
    const parsed = parseOutput(inner);
    if ('problem' in parsed) complain(parsed.problem);
    else top().pieces.push({ kind: 'output', ...parsed, ...place });
  }

  function control(inner: string): void {
    const word = /^[a-z]+/.exec(inner)?.[0] ?? inner.slice(0, 100);
    const rest = inner.slice(word.length).trim();
    const frame = top();
    const shown = inner.slice(0, 100);
    switch (word) {
      case 'if':
      case 'unless': {
        const parsed = parseCondition(rest);
        if (parsed === null) complain(`{% ${shown} %}: the condition cannot be read.`);
        if (stack.length > MAX_DEPTH) return complain(`Conditions are nested more than ${MAX_DEPTH} deep.`);
        const first: OpenArm = { when: parsed ?? alwaysFalse, pieces: [], ...place };
        const arms = word === 'if' ? [first] : [first, { when: null, pieces: [], ...place }];
        stack.push({ tag: word, arms, pieces: arms.at(-1)!.pieces });
        return;
      }
      case 'elsif': {
        const when = parseCondition(rest);
        if (frame.tag !== 'if' && frame.tag !== 'unless') return complain('{% elsif %} stands outside an {% if %}.');
        if (when === null) complain(`{% ${shown} %}: the condition cannot be read.`);
        return arm(frame, when ?? alwaysFalse);
      }
      case 'else':
        if (frame.tag === 'root' || frame.tag === 'choice') return complain('{% else %} stands outside an {% if %}.');
        return arm(frame, null);
      case 'case': {
        const subject = parseOperand(rest);
        if (subject === null) return complain(`{% ${shown} %}: name the field to compare.`);
        if (stack.length > MAX_DEPTH) return complain(`Conditions are nested more than ${MAX_DEPTH} deep.`);
        stack.push({ tag: 'case', subject, arms: [], pieces: [] });
        return;
      }
      case 'when': {
        if (frame.tag !== 'case' || frame.subject === undefined) return complain('{% when %} stands outside a {% case %}.');
        const subject = frame.subject;
        const values = splitOutsideQuotes(rest, ',').map((value) => parseOperand(value.trim()));
        if (values.includes(null)) complain(`{% ${shown} %}: the value cannot be read; write texts in quotes.`);
        const when = values.reduce<Condition | null>((joined, value) => {
          const one: Condition = value === null ? alwaysFalse : { kind: 'compare', left: subject, operator: '==', right: value };
          return joined === null ? one : { kind: 'or', left: joined, right: one };
        }, null);
        return arm(frame, when);
      }
      case 'endif':
      case 'endunless':
      case 'endcase':
        if (frame.tag !== word.slice(3)) return complain(`{% ${word} %} closes nothing.`);
        return closeFrame();
      default:
        complain(`There is no tag {% ${word} %}; there are if, elsif, else, unless and case.`);
    }
  }

  function arm(frame: Frame, when: Condition | null): void {
    const pieces: Piece[] = [];
    // `unless c … else …` is `if c [else part] else [first part]`: the else part goes where the condition holds.
    if (frame.tag === 'unless' && when === null && frame.arms[0] !== undefined) frame.pieces = frame.arms[0].pieces;
    else {
      frame.arms.push({ when, pieces, ...place });
      frame.pieces = pieces;
    }
  }

  function closeFrame(): void {
    const frame = stack.pop();
    if (frame === undefined) return;
    if (frame.tag === 'choice') top().pieces.push({ kind: 'choice', no: frame.no ?? 0, options: frame.arms.map((each) => each.pieces) });
    else top().pieces.push({ kind: 'branch', arms: frame.arms });
  }
}

/** Every field a template reads, with where, and whether a missing value is provided for. */
export function* usesOf(pieces: readonly Piece[]): Generator<{ path: string; line: number; column: number; hasDefault: boolean }> {
  for (const piece of pieces) {
    if (piece.kind === 'choice') for (const option of piece.options) yield* usesOf(option);
    else if (piece.kind === 'branch') {
      for (const { when, pieces: inner, line, column } of piece.arms) {
        if (when !== null) for (const path of conditionPaths(when)) yield { path, line, column, hasDefault: false };
        yield* usesOf(inner);
      }
    } else if (piece.kind === 'output') {
      const { operand, filters, line, column } = piece;
      const hasDefault = filters.some((filter) => filter.name === 'default');
      if ('path' in operand) yield { path: operand.path, line, column, hasDefault };
      for (const filter of filters) if ('argument' in filter && 'path' in filter.argument) yield { path: filter.argument.path, line, column, hasDefault: false };
    }
  }
}

function* conditionPaths(condition: Condition): Generator<string> {
  const of = (operand: Operand): string[] => ('path' in operand ? [operand.path] : []);
  if (condition.kind === 'truthy') yield* of(condition.operand);
  else if (condition.kind === 'compare') yield* [...of(condition.left), ...of(condition.right)];
  else {
    yield* conditionPaths(condition.left);
    yield* conditionPaths(condition.right);
  }
}
