/** The merge language of product.md 7.1: a subset of Liquid, parsed once into a tree that is rendered per person. */

export interface Problem {
  readonly message: string;
  /** 1-based line in the source. */
  readonly line: number;
}

export type Filter =
  | { readonly name: 'default' | 'date'; readonly argument: Operand }
  | { readonly name: 'upcase' | 'downcase' | 'capitalize' | 'escape' };

export type Operand = { readonly path: string } | { readonly literal: string | number | boolean | null };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'contains';
export type Condition =
  | { readonly kind: 'truthy'; readonly operand: Operand }
  | { readonly kind: 'compare'; readonly left: Operand; readonly operator: Comparison; readonly right: Operand }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition };

export type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'output'; readonly operand: Operand; readonly filters: readonly Filter[]; readonly line: number }
  | { readonly kind: 'branch'; readonly arms: readonly { readonly when: Condition | null; readonly pieces: readonly Piece[] }[] };

export interface Template {
  readonly pieces: readonly Piece[];
  readonly problems: readonly Problem[];
}

const MAX_TAGS = 500;
const MAX_DEPTH = 20;
const plainFilters = new Set(['upcase', 'downcase', 'capitalize', 'escape']);

type Frame = { readonly tag: 'if' | 'unless' | 'case' | 'root'; readonly subject?: Operand; arms: { when: Condition | null; pieces: Piece[] }[]; pieces: Piece[] };

/**
 * Parses a template. Never throws: what cannot be read becomes a problem with its line, and its text is left out.
 * Loops, assignments and includes do not exist; their tags are problems like any unknown tag.
 */
export function parseTemplate(source: string): Template {
  const problems: Problem[] = [];
  const root: Frame = { tag: 'root', arms: [], pieces: [] };
  const stack: Frame[] = [root];
  const top = (): Frame => stack.at(-1) ?? root;
  let line = 1;
  let tags = 0;
  let at = 0;
  const complain = (message: string) => problems.push({ message, line });
  const literal = (text: string) => {
    if (text !== '') top().pieces.push({ kind: 'literal', text });
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) line += 1;
  };
  const marker = /\{\{-?|\{%-?/g;
  while (at < source.length) {
    marker.lastIndex = at;
    const open = marker.exec(source);
    if (open === null) break;
    literal(source.slice(at, open.index));
    const isOutput = open[0].startsWith('{{');
    const close = source.indexOf(isOutput ? '}}' : '%}', open.index + 2);
    if (close === -1) {
      complain(`${isOutput ? '{{' : '{%'} is not closed.`);
      at = source.length;
      break;
    }
    const inner = source.slice(open.index + open[0].length, close).replace(/-$/, '').trim();
    tags += 1;
    if (tags === MAX_TAGS + 1) complain(`More than ${MAX_TAGS} tags.`);
    if (tags <= MAX_TAGS) {
      if (isOutput) output(inner);
      else control(inner);
    }
    for (const character of inner) if (character === '\n') line += 1;
    at = close + 2;
  }
  literal(source.slice(at));
  if (stack.length > 1) complain(`{% ${top().tag} %} is not closed with {% end${top().tag} %}.`);
  while (stack.length > 1) closeFrame();
  return { pieces: root.pieces, problems };

  function output(inner: string): void {
    const parts = splitOutsideQuotes(inner, '|');
    const operand = parseOperand(parts[0]?.trim() ?? '');
    if (operand === null) return void complain(`{{ ${inner} }} is not a field; write one like {{ first_name }}.`);
    const filters: Filter[] = [];
    for (const part of parts.slice(1)) {
      const match = /^([a-z_]+)\s*(?::\s*(.+))?$/s.exec(part.trim());
      const name = match?.[1] ?? part.trim();
      if (plainFilters.has(name) && match?.[2] === undefined) filters.push({ name: name as 'upcase' });
      else if (name === 'default' || name === 'date') {
        const argument = parseOperand(match?.[2]?.trim() ?? '');
        if (argument === null) return void complain(`The filter ${name} wants a value, like ${name}: "friend".`);
        filters.push({ name, argument });
      } else return void complain(`There is no filter ${name}; there are default, upcase, downcase, capitalize, date and escape.`);
    }
    top().pieces.push({ kind: 'output', operand, filters, line });
  }

  function control(inner: string): void {
    const word = /^[a-z]+/.exec(inner)?.[0] ?? inner;
    const rest = inner.slice(word.length).trim();
    const frame = top();
    switch (word) {
      case 'if':
      case 'unless': {
        const parsed = parseCondition(rest);
        if (parsed === null) complain(`{% ${inner} %}: the condition cannot be read.`);
        if (stack.length > MAX_DEPTH) return void complain(`Conditions are nested more than ${MAX_DEPTH} deep.`);
        const when = parsed ?? alwaysFalse;
        stack.push(word === 'if' ? opened('if', when) : { tag: 'unless', arms: [{ when, pieces: [] }, { when: null, pieces: [] }], pieces: [] });
        top().pieces = top().arms.at(-1)?.pieces ?? [];
        return;
      }
      case 'elsif': {
        const when = parseCondition(rest);
        if (frame.tag !== 'if' && frame.tag !== 'unless') return void complain('{% elsif %} stands outside an {% if %}.');
        if (when === null) complain(`{% ${inner} %}: the condition cannot be read.`);
        return void arm(frame, when ?? alwaysFalse);
      }
      case 'else':
        if (frame.tag === 'root') return void complain('{% else %} stands outside an {% if %}.');
        return void arm(frame, null);
      case 'case': {
        const subject = parseOperand(rest);
        if (subject === null) return void complain(`{% ${inner} %}: name the field to compare.`);
        stack.push({ tag: 'case', subject, arms: [], pieces: [] });
        return;
      }
      case 'when': {
        if (frame.tag !== 'case' || frame.subject === undefined) return void complain('{% when %} stands outside a {% case %}.');
        const subject = frame.subject;
        const values = splitOutsideQuotes(rest, ',').map((value) => parseOperand(value.trim()));
        const when = values.reduce<Condition | null>((joined, value) => {
          const one: Condition = value === null ? alwaysFalse : { kind: 'compare', left: subject, operator: '==', right: value };
          return joined === null ? one : { kind: 'or', left: joined, right: one };
        }, null);
        return void arm(frame, when);
      }
      case 'endif':
      case 'endunless':
      case 'endcase':
        if (frame.tag !== word.slice(3)) return void complain(`{% ${word} %} closes nothing.`);
        return void closeFrame();
      default:
        complain(`There is no tag {% ${word} %}; there are if, elsif, else, unless and case.`);
    }
  }

  function arm(frame: Frame, when: Condition | null): void {
    const pieces: Piece[] = [];
    // `unless c … else …` is `if c [else part] else [first part]`: the else part goes where the condition holds.
    if (frame.tag === 'unless' && when === null && frame.arms[0] !== undefined) frame.pieces = frame.arms[0].pieces;
    else {
      frame.arms.push({ when, pieces });
      frame.pieces = pieces;
    }
  }

  function closeFrame(): void {
    const frame = stack.pop();
    if (frame !== undefined) top().pieces.push({ kind: 'branch', arms: frame.arms });
  }
}

const alwaysFalse: Condition = { kind: 'truthy', operand: { literal: false } };

function opened(tag: 'if', when: Condition): Frame {
  const pieces: Piece[] = [];
  return { tag, arms: [{ when, pieces }], pieces };
}

function parseOperand(text: string): Operand | null {
  const quoted = /^"([^"]*)"$|^'([^']*)'$/s.exec(text);
  if (quoted !== null) return { literal: quoted[1] ?? quoted[2] ?? '' };
  if (/^-?\d+(\.\d+)?$/.test(text)) return { literal: Number(text) };
  if (text === 'true' || text === 'false') return { literal: text === 'true' };
  if (text === 'nil' || text === 'null' || text === 'blank' || text === 'empty') return { literal: null };
  return /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$/i.test(text) ? { path: text } : null;
}

/** `and` and `or` associate to the right, as in Liquid. */
function parseCondition(text: string): Condition | null {
  const joint = findJoint(text);
  if (joint !== null) {
    const left = parseCondition(text.slice(0, joint.at).trim());
    const right = parseCondition(text.slice(joint.at + joint.word.length + 2).trim());
    return left === null || right === null ? null : { kind: joint.word, left, right };
  }
  const match = /^(.+?)\s*(==|!=|<=|>=|<|>|\scontains\s)\s*(.+)$/s.exec(text);
  if (match !== null) {
    const left = parseOperand(match[1]?.trim() ?? '');
    const right = parseOperand(match[3]?.trim() ?? '');
    if (left !== null && right !== null) return { kind: 'compare', left, operator: (match[2] ?? '').trim() as Comparison, right };
    return null;
  }
  const operand = parseOperand(text);
  return operand === null ? null : { kind: 'truthy', operand };
}

function findJoint(text: string): { readonly at: number; readonly word: 'and' | 'or' } | null {
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charAt(i);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (/^\s(and|or)\s/.test(text.slice(i, i + 5))) return { at: i, word: text.startsWith('and', i + 1) ? 'and' : 'or' };
  }
  return null;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quote = '';
  let from = 0;
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charAt(i);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === separator) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  return [...parts, text.slice(from)];
}
