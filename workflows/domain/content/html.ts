/** Where the parts of an HTML source stand, for everything that has to tell text from tags: spintax, links, checks. */

export interface HtmlAttribute {
  /** In small letters. */
  readonly name: string;
  /** Where the value stands in the source, without its quotes; `from` is `to` when there is none. */
  readonly from: number;
  readonly to: number;
  readonly isQuoted: boolean;
}

export type HtmlToken =
  | { readonly kind: 'text'; readonly from: number; readonly to: number; readonly isHidden: boolean }
  | { readonly kind: 'tag'; readonly from: number; readonly to: number; readonly name: string; readonly isClosing: boolean; readonly attributes: readonly HtmlAttribute[]; readonly isHidden: boolean }
  /** Comments, and what stands in styles and scripts. */
  | { readonly kind: 'raw'; readonly from: number; readonly to: number };

/** A merge tag; what stands between its quotes may hold braces. */
const outputTag = /\{\{(?:"[^"]*"|'[^']*'|[^{}"'])*\}\}/y;
const controlTag = /\{%(?:"[^"]*"|'[^']*'|[^"'%{]|%(?!\}))*%\}/y;

/** Merge tags in a short text, like the address of a link. */
export const mergeTags = /\{\{[^{}]*\}\}|\{%[^{}]*%\}/g;

/** Where the merge tag that begins here ends; -1 when none does. */
export function endOfMergeTag(source: string, at: number): number {
  const pattern = source.charAt(at + 1) === '{' ? outputTag : controlTag;
  pattern.lastIndex = at;
  return pattern.test(source) ? pattern.lastIndex : -1;
}

const inText = /\{[{%]|<(?=[a-z!/?])/gi;
const inTag = /\{[{%]|=\s*(["']?)|>/g;
const attributeName = /([^\s"'<>/=]+)\s*$/;

/**
 * Reads a source once, from the first character to the last, and never throws: what is no markup is text.
 * What stands in Outlook's conditional comments is read too and comes as hidden; merge tags may stand anywhere and hide what looks like markup.
 */
export function scanHtml(source: string): HtmlToken[] {
  const tokens: HtmlToken[] = [];
  let isHidden = false;
  let textFrom = 0;
  let at = 0;
  const text = (to: number) => {
    if (to > textFrom) tokens.push({ kind: 'text', from: textFrom, to, isHidden });
  };
  for (;;) {
    inText.lastIndex = at;
    const found = inText.exec(source);
    if (found === null) break;
    const from = found.index;
    if (found[0].startsWith('{')) {
      const end = endOfMergeTag(source, from);
      at = end === -1 ? from + 1 : end;
      continue;
    }
    text(from);
    if (source.startsWith('<!--', from)) {
      const condition = /^<!--\[if[^\]]*\]>(?!<!-->|-->)/i.exec(source.slice(from, from + 200));
      if (condition !== null) isHidden = true;
      const close = source.indexOf('-->', from + 4);
      at = condition === null ? (close === -1 ? source.length : close + 3) : from + condition[0].length;
      tokens.push({ kind: 'raw', from, to: at });
    } else if (/^<!\[endif\]-->/i.test(source.slice(from, from + 12))) {
      isHidden = false;
      at = from + 12;
      tokens.push({ kind: 'raw', from, to: at });
    } else {
      const tag = readTag(source, from, isHidden);
      tokens.push(tag);
      at = tag.to;
      if (!tag.isClosing && isRaw(tag.name)) {
        const close = new RegExp(`</${tag.name}\\b`, 'gi');
        close.lastIndex = at;
        const end = close.exec(source)?.index ?? source.length;
        tokens.push({ kind: 'raw', from: at, to: end });
        at = end;
      }
    }
    textFrom = at;
  }
  text(source.length);
  return tokens;
}

/** Elements whose content is no text; `mj-style` is MJML's. */
function isRaw(name: string): boolean {
  return name === 'style' || name === 'script' || name === 'mj-style';
}

function readTag(source: string, from: number, isHidden: boolean): Extract<HtmlToken, { kind: 'tag' }> {
  const isClosing = source.charAt(from + 1) === '/';
  const name = (/^<\/?([a-z][a-z0-9:-]*)/i.exec(source.slice(from, from + 40))?.[1] ?? '').toLowerCase();
  const attributes: HtmlAttribute[] = [];
  let at = from + 1;
  for (;;) {
    inTag.lastIndex = at;
    const found = inTag.exec(source);
    if (found === null) return { kind: 'tag', from, to: source.length, name, isClosing, attributes, isHidden };
    if (found[0] === '>') return { kind: 'tag', from, to: found.index + 1, name, isClosing, attributes, isHidden };
    if (found[0].startsWith('{')) {
      const end = endOfMergeTag(source, found.index);
      at = end === -1 ? found.index + 1 : end;
      continue;
    }
    const quote = found[1] ?? '';
    const value = found.index + found[0].length;
    const end = endOfValue(source, value, quote);
    const attribute = attributeName.exec(source.slice(Math.max(from, found.index - 80), found.index))?.[1];
    if (attribute !== undefined) attributes.push({ name: attribute.toLowerCase(), from: value, to: end, isQuoted: quote !== '' });
    at = end + quote.length;
  }
}

function endOfValue(source: string, from: number, quote: string): number {
  const ends = quote === '' ? /\{[{%]|[\s>]/g : quote === '"' ? /\{[{%]|"/g : /\{[{%]|'/g;
  ends.lastIndex = from;
  for (;;) {
    const found = ends.exec(source);
    if (found === null) return source.length;
    if (!found[0].startsWith('{')) return found.index;
    const end = endOfMergeTag(source, found.index);
    ends.lastIndex = end === -1 ? found.index + 1 : end;
  }
}

/** Line and column of a place in a source, both from 1. */
export function positionOf(source: string, at: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let start = 0;
  for (let next = source.indexOf('\n'); next !== -1 && next < at; next = source.indexOf('\n', next + 1)) {
    line += 1;
    start = next + 1;
  }
  return { line, column: at - start + 1 };
}

const names: Readonly<Record<string, string>> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', copy: '©', reg: '®', trade: '™', hellip: '…', mdash: '—', ndash: '–', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»',
  bull: '•', middot: '·', euro: '€', pound: '£', yen: '¥', cent: '¢', sect: '§', deg: '°', times: '×', rarr: '→', larr: '←', zwnj: '', shy: '',
  auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', szlig: 'ß', eacute: 'é', egrave: 'è', agrave: 'à', ccedil: 'ç', ntilde: 'ñ',
};

/** Character references as characters; unknown ones stay. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));/g, (whole, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
    if (name !== undefined) return Object.hasOwn(names, name) ? (names[name] ?? whole) : whole;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}

const needsEntity = /[&<>"']/;

export function encodeEntities(value: string): string {
  if (!needsEntity.test(value)) return value;
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
