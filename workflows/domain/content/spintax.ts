import { endOfMergeTag, positionOf, scanHtml } from './html.ts';
import type { Problem } from './language.ts';

/**
 * What stands in a source for its choices once they were read: open, number, end of the number, then options between bars,
 * then close. Nobody can type these characters, `clean` takes them out.
 */
export const spinMarks = { open: '\uE002', number: '\uE003', bar: '\uE004', close: '\uE005' } as const;
/** Stands behind a brace or bar that means itself, so that two of them are no merge tag. */
export const SIGN_GUARD = '\uE006';

const MAX_CHOICES = 1_000;
const MAX_DEPTH = 20;
const MAX_PROBLEMS = 100;

export interface SpinSource {
  /** The source with marks where its choices are. */
  readonly marked: string;
  readonly problems: readonly Problem[];
  readonly choices: number;
}

interface Token {
  readonly sign: '{' | '|' | '}' | '\\';
  readonly at: number;
}

/**
 * Reads `{a|b|{c|d}}`: nested, with empty options; only braces with a bar, never in styles, scripts, comments, attributes
 * other than `alt` and `title`, or merge tags. `\{`, `\|`, `\}` mean themselves. Braces that do not pair are problems as
 * soon as the source has a bar at all; without one they are braces.
 * @param firstNo number of its first choice, so that the parts of a mail choose apart from each other
 */
export function readSpintax(source: string, place: 'html' | 'plain', firstNo = 0): SpinSource {
  if (!/[|\\]/.test(source)) return { marked: source, problems: [], choices: 0 };
  const regions = place === 'plain' ? [findSigns(source, 0, source.length, [])] : htmlRegions(source);
  const hasBar = regions.some((tokens) => tokens.some((token) => token.sign === '|'));
  const problems: Problem[] = [];
  const complain = (at: number, message: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ message, ...positionOf(source, at) });
  };
  const edits: { readonly at: number; readonly length: number; readonly text: string }[] = [];
  let choices = 0;
  for (const tokens of regions) {
    const open: { readonly at: number; readonly bars: number[]; readonly depth: number }[] = [];
    for (const { sign, at } of tokens) {
      if (sign === '\\') edits.push({ at, length: 2, text: source.charAt(at + 1) + SIGN_GUARD });
      else if (sign === '{') open.push({ at, bars: [], depth: open.length });
      else if (sign === '|') open.at(-1)?.bars.push(at);
      else {
        const group = open.pop();
        if (group === undefined) {
          if (hasBar) complain(at, 'This } closes nothing. Write \\} for a brace that means itself.');
        } else if (group.bars.length > 0) {
          choices += 1;
          if (choices === MAX_CHOICES + 1) complain(group.at, `More than ${MAX_CHOICES} choices.`);
          if (group.depth >= MAX_DEPTH) complain(group.at, `Choices are nested more than ${MAX_DEPTH} deep.`);
          if (choices > MAX_CHOICES || group.depth >= MAX_DEPTH) continue;
          edits.push({ at: group.at, length: 1, text: spinMarks.open }, { at, length: 1, text: spinMarks.close });
          for (const bar of group.bars) edits.push({ at: bar, length: 1, text: spinMarks.bar });
        }
      }
    }
    if (hasBar) for (const group of open) complain(group.at, 'This { is not closed. Write \\{ for a brace that means itself.');
  }
  return { marked: write(source, edits, firstNo), problems: problems.sort((a, b) => a.line - b.line || a.column - b.column), choices };
}

function write(source: string, edits: { readonly at: number; readonly length: number; readonly text: string }[], firstNo: number): string {
  let marked = '';
  let at = 0;
  let no = firstNo;
  for (const edit of edits.sort((a, b) => a.at - b.at)) {
    marked += source.slice(at, edit.at) + edit.text;
    if (edit.text === spinMarks.open) marked += `${no++}${spinMarks.number}`;
    at = edit.at + edit.length;
  }
  return marked + source.slice(at);
}

/** All text that is seen is one region, so that options may hold tags; each `alt` and `title` is one of its own. */
function htmlRegions(source: string): Token[][] {
  const text: Token[] = [];
  const regions = [text];
  for (const token of scanHtml(source)) {
    if (token.kind === 'text' && !token.isHidden) findSigns(source, token.from, token.to, text);
    if (token.kind !== 'tag' || token.isHidden) continue;
    for (const { name, from, to } of token.attributes) if (name === 'alt' || name === 'title') regions.push(findSigns(source, from, to, []));
  }
  return regions;
}

const signs = /\{\{|\{%|\\[{|}]|[{|}]/g;

function findSigns(source: string, from: number, to: number, tokens: Token[]): Token[] {
  signs.lastIndex = from;
  for (let found = signs.exec(source); found !== null && found.index < to; found = signs.exec(source)) {
    const at = found.index;
    if (found[0] === '{{' || found[0] === '{%') {
      const end = endOfMergeTag(source, at);
      if (end === -1) tokens.push({ sign: '{', at });
      signs.lastIndex = end === -1 ? at + 1 : end;
    } else tokens.push({ sign: found[0].charAt(0) as Token['sign'], at });
  }
  return tokens;
}

/**
 * What all choices of one person's mail follow from: preview, first try and retry agree.
 * @param mailNo number of the source of mail @param customerId below 2^53 @returns 32 bits
 */
export function spinSeed(mailNo: number, customerId: number): number {
  return mix(mix(Math.imul(mailNo, 0x9e3779b1) ^ customerId % 4_294_967_296) ^ Math.floor(customerId / 4_294_967_296));
}

/** The option, from 0, that a choice takes. @param no number of the choice in its mail */
export function spinChoice(seed: number, no: number, options: number): number {
  return Math.floor((mix(seed ^ Math.imul(no + 1, 0x9e3779b1)) / 4_294_967_296) * options);
}

/** The final mix of MurmurHash3: every bit of the input changes half of the output. */
function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
