import type { Rule, RuleNode } from '../api/types.ts';

/** Where a node stands: the index in each group on the way down from the root. */
export type Path = readonly number[];

const isGroup = (node: RuleNode | undefined): node is Rule => node !== undefined && 'parts' in node;

/** As the server writes it: `rule.parts[0].parts[2]`. */
export const toText = (path: Path): string => `rule${path.map((index) => `.parts[${index}]`).join('')}`;

/** The node a problem's field names: `rule.parts[0].value` is at [0]. */
export function fromText(field: string): Path {
  const indexes = /^rule((?:\.parts\[\d+\])*)/.exec(field)?.[1] ?? '';
  return [...indexes.matchAll(/\d+/g)].map(([index]) => Number(index));
}

export function nodeAt(rule: Rule, path: Path): RuleNode | undefined {
  let node: RuleNode | undefined = rule;
  for (const index of path) node = isGroup(node) ? node.parts[index] : undefined;
  return node;
}

function groupOf(rule: Rule, path: Path): Rule | undefined {
  const parent = nodeAt(rule, path.slice(0, -1));
  return isGroup(parent) ? parent : undefined;
}

export function insertAt(rule: Rule, path: Path, node: RuleNode): void {
  groupOf(rule, path)?.parts.splice(path.at(-1) ?? 0, 0, node);
}

export function removeAt(rule: Rule, path: Path): RuleNode | undefined {
  return groupOf(rule, path)?.parts.splice(path.at(-1) ?? 0, 1)[0];
}

const startsWith = (path: Path, start: Path) => start.every((index, depth) => path[depth] === index);

/**
 * Moves a node before the one that stands at `to` (or to a group's end).
 * @param to a place in the tree as it is before the move
 * @returns where the node stands afterwards, or null when it cannot go there: into itself
 */
export function move(rule: Rule, from: Path, to: Path): Path | null {
  if (from.length === 0 || to.length === 0 || (to.length > from.length && startsWith(to, from))) return null;
  const depth = from.length - 1;
  const isAfter = to.length > depth && startsWith(to, from.slice(0, depth)) && to[depth]! > from[depth]!;
  const place = isAfter ? to.map((index, at) => (at === depth ? index - 1 : index)) : to;
  if (!isGroup(nodeAt(rule, to.slice(0, -1)))) return null;
  const node = removeAt(rule, from);
  if (node === undefined) return null;
  const arrived = [...place.slice(0, -1), Math.min(place.at(-1)!, groupOf(rule, place)?.parts.length ?? 0)];
  insertAt(rule, arrived, node);
  return arrived;
}

/** The place one step up: past the node above, into a group above at its end, or out of its own group. Null at the very top. */
export function above(rule: Rule, path: Path): Path | null {
  const index = path.at(-1);
  if (index === undefined) return null;
  const parent = path.slice(0, -1);
  if (index === 0) return parent.length === 0 ? null : parent;
  const neighbour = nodeAt(rule, [...parent, index - 1]);
  return isGroup(neighbour) ? [...parent, index - 1, neighbour.parts.length] : [...parent, index - 1];
}

/** The place one step down, likewise. Null at the very end. */
export function below(rule: Rule, path: Path): Path | null {
  const index = path.at(-1);
  if (index === undefined) return null;
  const parent = path.slice(0, -1);
  const neighbour = nodeAt(rule, [...parent, index + 1]);
  if (neighbour === undefined) return parent.length === 0 ? null : [...parent.slice(0, -1), parent.at(-1)! + 1];
  return isGroup(neighbour) ? [...parent, index + 1, 0] : [...parent, index + 2];
}
