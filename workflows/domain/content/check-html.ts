import { decodeEntities, positionOf, type HtmlAttribute, type HtmlToken } from './html.ts';
import { linkTargetProblem } from './link-target.ts';

type Tag = Extract<HtmlToken, { kind: 'tag' }>;

/** Problems of one kind that are named; more would bury the others. */
const NAMED = 5;

const valueOf = (html: string, attribute: HtmlAttribute): string => decodeEntities(html.slice(attribute.from, attribute.to)).trim();
const hasTag = (value: string): boolean => value.includes('{{') || value.includes('{%');

/** Links that lead nowhere or cannot be opened from a mail. Malformed ones are errors. */
export function linkProblemsOf(html: string, tokens: readonly HtmlToken[]): { readonly message: string; readonly isError: boolean; readonly line: number; readonly column: number }[] {
  const found: { message: string; isError: boolean; line: number; column: number }[] = [];
  const anchors = new Set<string>();
  for (const token of tokens) if (token.kind === 'tag') for (const attribute of token.attributes) if (attribute.name === 'id' || attribute.name === 'name') anchors.add(valueOf(html, attribute));
  for (const token of tokens) {
    // MJML has links on its buttons, pictures and menus too.
    if (token.kind !== 'tag' || token.isClosing || token.isHidden || !(token.name === 'a' || token.name === 'area' || token.name.startsWith('mj-'))) continue;
    const href = token.attributes.find((attribute) => attribute.name === 'href');
    if (href === undefined) continue;
    const problem = linkProblem(valueOf(html, href), anchors);
    if (problem === null) continue;
    found.push({ ...problem, ...positionOf(html, href.from) });
    if (found.length === NAMED * 4) break;
  }
  return found;
}

function linkProblem(url: string, anchors: ReadonlySet<string>): { readonly message: string; readonly isError: boolean } | null {
  const shown = url.length > 80 ? `${url.slice(0, 79)}…` : url;
  if (url === '' || url === '#') return { message: 'This link leads nowhere. Give it an address.', isError: false };
  if (url.startsWith('#')) return anchors.has(url.slice(1)) ? null : { message: `There is no place ${shown} in this mail.`, isError: false };
  if (hasTag(url)) {
    if (!/^https?:/i.test(url)) return /^(?:\{[{%]|[a-z]+:)/i.test(url) ? null : { message: `${shown} begins like no address. Begin it with https://.`, isError: true };
    const problem = linkTargetProblem(url);
    return problem === null ? null : { message: problem, isError: true };
  }
  if (/^(mailto|tel|sms):/i.test(url)) return null;
  if (/^(javascript|data|vbscript|file):/i.test(url)) return { message: `Mail programs do not open ${shown.split(':', 1)[0]}: links.`, isError: true };
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url)) return { message: `${shown} has no https:// in front, so it leads nowhere from a mail.`, isError: true };
  if (/^https?:/i.test(url) && (!/^https?:\/\/[^/?#]/i.test(url) || !URL.canParse(url))) return { message: `${shown} cannot be opened. Correct the address.`, isError: true };
  return /^https?:\/\/(?:www\.)?example\.(?:com|org|net)(?:[/?#:]|$)/i.test(url) ? { message: `This link still leads to ${shown}.`, isError: false } : null;
}

/** Text that is hard to read, pictures without words: what a person may not see. @param isWritten whether lines of this source mean something to its author */
export function appearanceOf(html: string, tokens: readonly HtmlToken[], isWritten: boolean): string[] {
  const problems: string[] = [];
  const on = (lines: readonly number[]) => (isWritten ? ` (line ${[...new Set(lines)].join(', ')})` : '');
  const images = tokens.filter((token): token is Tag => token.kind === 'tag' && token.name === 'img' && !token.isClosing);
  const withoutAlt = images.filter((tag) => !tag.attributes.some((attribute) => attribute.name === 'alt') && !/\balt\b/i.test(html.slice(tag.from, tag.to)));
  if (withoutAlt.length > 0) {
    const lines = withoutAlt.slice(0, NAMED).map((tag) => positionOf(html, tag.from).line);
    problems.push(`${withoutAlt.length === 1 ? 'A picture has' : `${withoutAlt.length} pictures have`} no alt text, which is all that is seen while pictures are off${on(lines)}.`);
  }
  const letters = visibleText(html, tokens).replaceAll(/[^\p{L}\p{N}]/gu, '').length;
  if (images.length > 0 && letters < 100) problems.push('Nearly all of it is pictures. Filters distrust such mail, and nothing is left while pictures are off: say the main things in words.');
  const { faint, tiny } = unreadable(html, tokens);
  if (faint !== null) problems.push(`Text in ${faint.color} on ${faint.background} can hardly be read${on([faint.line])}.`);
  if (tiny !== null) problems.push(`Text of ${tiny.size} px is too small to read on a phone${on([tiny.line])}.`);
  return problems;
}

/** The text a reader sees, without tags. */
export function visibleText(html: string, tokens: readonly HtmlToken[]): string {
  const words: string[] = [];
  let unseen: string | null = null;
  for (const token of tokens) {
    if (token.kind === 'tag' && (token.name === 'head' || token.name === 'title')) unseen = token.isClosing ? (unseen === token.name ? null : unseen) : (unseen ?? token.name);
    else if (token.kind === 'text' && !token.isHidden && unseen === null) words.push(html.slice(token.from, token.to).replaceAll(/\{\{[^{}]*\}\}|\{%[^{}]*%\}/g, ' '));
  }
  return decodeEntities(words.join(' ').replaceAll(/\s+/g, ' '));
}

interface Look {
  readonly name: string;
  readonly color: Rgb;
  /** Null when it cannot be told: a picture, a class, a gradient. */
  readonly background: Rgb | null;
  readonly size: number | null;
  readonly isSeen: boolean;
}
type Rgb = readonly [number, number, number];

const unclosed = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'wbr', '!doctype']);
const TINY_PX = 10;
const FAINT_CONTRAST = 2.5;

/** The first text whose inline style makes it faint or tiny. What classes say is not known, so it is not judged. */
function unreadable(html: string, tokens: readonly HtmlToken[]): { faint: { line: number; color: string; background: string } | null; tiny: { line: number; size: number } | null } {
  let faint: { line: number; color: string; background: string } | null = null;
  let tiny: { line: number; size: number } | null = null;
  const stack: Look[] = [{ name: '', color: [0, 0, 0], background: [255, 255, 255], size: null, isSeen: true }];
  for (const token of tokens) {
    const look = stack.at(-1)!;
    if (token.kind === 'tag' && !token.isHidden) {
      if (!token.isClosing && !unclosed.has(token.name)) {
        if (stack.length < 1_000) stack.push(lookOf(html, token, look));
      } else if (token.isClosing) {
        const at = stack.findLastIndex((each) => each.name === token.name);
        if (at > 0) stack.length = at;
      }
    } else if (token.kind === 'text' && !token.isHidden && look.isSeen && /[\p{L}\p{N}]/u.test(html.slice(token.from, Math.min(token.to, token.from + 2_000)))) {
      if (faint === null && look.background !== null && contrast(look.color, look.background) < FAINT_CONTRAST) {
        faint = { line: positionOf(html, token.from).line, color: hex(look.color), background: hex(look.background) };
      }
      if (tiny === null && look.size !== null && look.size < TINY_PX) tiny = { line: positionOf(html, token.from).line, size: look.size };
    }
  }
  return { faint, tiny };
}

const declarations = {
  color: /(?:^|;)\s*color\s*:\s*([^;]*)/, background: /(?:^|;)\s*background\s*:\s*([^;]*)/, backgroundColor: /(?:^|;)\s*background-color\s*:\s*([^;]*)/,
  backgroundImage: /(?:^|;)\s*background-image\s*:\s*([^;]*)/, fontSize: /(?:^|;)\s*font-size\s*:\s*([^;]*)/, display: /(?:^|;)\s*display\s*:\s*([^;]*)/, opacity: /(?:^|;)\s*opacity\s*:\s*([^;]*)/,
};

function lookOf(html: string, tag: Tag, around: Look): Look {
  const attribute = (name: string) => {
    const found = tag.attributes.find((each) => each.name === name);
    return found === undefined ? null : valueOf(html, found).toLowerCase();
  };
  const style = attribute('style') ?? '';
  const declared = (property: keyof typeof declarations) => (style === '' ? undefined : declarations[property].exec(style)?.[1]?.replace('!important', '').trim());
  const hasClass = attribute('class') !== null;
  const behind = declared('backgroundColor') ?? declared('background') ?? attribute('bgcolor');
  const color = declared('color') ?? (tag.name === 'font' ? attribute('color') : null);
  const size = /^([\d.]+)px$/.exec(declared('fontSize') ?? '')?.[1];
  return {
    name: tag.name,
    color: (color === null || color === undefined ? null : parseColor(color)) ?? around.color,
    background: declared('backgroundImage') !== undefined || attribute('background') !== null ? null : behind === null || behind === undefined ? (hasClass ? null : around.background) : parseColor(behind),
    size: size === undefined ? around.size : Number(size),
    isSeen: around.isSeen && tag.name !== 'head' && declared('display') !== 'none' && declared('opacity') !== '0' && !/mso-hide\s*:\s*all/.test(style),
  };
}

const colorNames: Readonly<Record<string, Rgb>> = {
  white: [255, 255, 255], black: [0, 0, 0], gray: [128, 128, 128], grey: [128, 128, 128], silver: [192, 192, 192], red: [255, 0, 0], blue: [0, 0, 255], green: [0, 128, 0], yellow: [255, 255, 0], lightgray: [211, 211, 211], lightgrey: [211, 211, 211],
};

function parseColor(text: string): Rgb | null {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/.exec(text);
  if (short !== null) return [1, 2, 3].map((i) => Number.parseInt(`${short[i]}${short[i]}`, 16)) as unknown as Rgb;
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(text);
  if (long !== null) return [1, 2, 3].map((i) => Number.parseInt(long[i] ?? '', 16)) as unknown as Rgb;
  const rgb = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text);
  if (rgb !== null) return [Number(rgb[1]), Number(rgb[2]), Number(rgb[3])];
  return Object.hasOwn(colorNames, text) ? (colorNames[text] ?? null) : null;
}

const hex = (color: Rgb): string => `#${color.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** Contrast ratio of WCAG 2, 1 to 21. */
function contrast(a: Rgb, b: Rgb): number {
  const light = (color: Rgb) => {
    const [r = 0, g = 0, b = 0] = color.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [one, other] = [light(a), light(b)];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
