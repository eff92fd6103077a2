/** Operands, conditions and filters of the merge language, as they stand inside a tag. */

export type Operand = { readonly path: string } | { readonly literal: string | number | boolean | null };

export type Filter =
  | { readonly name: 'default' | 'date'; readonly argument: Operand }
  | { readonly name: 'upcase' | 'downcase' | 'capitalize' | 'escape' };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'contains';
export type Condition =
  | { readonly kind: 'truthy'; readonly operand: Operand }
  | { readonly kind: 'compare'; readonly left: Operand; readonly operator: Comparison; readonly right: Operand }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition };

export const alwaysFalse: Condition = { kind: 'truthy', operand: { literal: false } };

const plainFilters = new Set(['upcase', 'downcase', 'capitalize', 'escape']);

/** @returns what is wrong with it when it cannot be read */
export function parseOutput(inner: string): { readonly operand: Operand; readonly filters: readonly Filter[] } | { readonly problem: string } {
  const parts = splitOutsideQuotes(inner, '|');
  const operand = parseOperand(parts[0]?.trim() ?? '');
  if (operand === null) return { problem: `{{ ${inner.slice(0, 100)} }} is not a field; write one like {{ first_name }}.` };
  const filters: Filter[] = [];
  for (const part of parts.slice(1)) {
    const match = /^([a-z_]+)\s*(?::\s*(.+))?$/s.exec(part.trim());
    const name = match?.[1] ?? part.trim().slice(0, 100);
    if (plainFilters.has(name) && match?.[2] === undefined) filters.push({ name: name as 'upcase' });
    else if (name === 'default' || name === 'date') {
      const argument = parseOperand(match?.[2]?.trim() ?? '');
      if (argument === null) return { problem: `The filter ${name} wants a value, like ${name}: ${name === 'date' ? '"%d %b %Y"' : '"friend"'}.` };
      filters.push({ name, argument });
    } else return { problem: `There is no filter ${name}; there are default, upcase, downcase, capitalize, date and escape.` };
  }
  return { operand, filters };
}

export function parseOperand(text: string): Operand | null {
  const quoted = /^"([^"]*)"$|^'([^']*)'$/s.exec(text);
  if (quoted !== null) return { literal: quoted[1] ?? quoted[2] ?? '' };
  if (/^-?\d+(\.\d+)?$/.test(text)) return { literal: Number(text) };
  if (text === 'true' || text === 'false') return { literal: text === 'true' };
  if (text === 'nil' || text === 'null' || text === 'blank' || text === 'empty') return { literal: null };
  return /^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}\p{N}_]+)*$/u.test(text) ? { path: text } : null;
}

/** `and` and `or` associate to the right, as in Liquid. */
export function parseCondition(text: string): Condition | null {
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

export function splitOutsideQuotes(text: string, separator: string): string[] {
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
