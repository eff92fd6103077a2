import { mergeTags } from './html.ts';
import { parseTemplate, type Piece } from './language.ts';
import { holds, outputText, type Fields } from './values.ts';

/** The address of a link for one person; null when her values make none that may be opened. */
export type LinkTarget = (fields: Fields) => string | null;

/**
 * Compiles the address of a link that holds merge tags. What a person's fields hold can never choose another scheme, leave
 * the host its author wrote, or end the address early:
 * - after the host a value is one URL-encoded piece;
 * - inside the host it is a label of letters, digits and hyphens, else there is no address;
 * - an address that begins with a tag takes the whole value, which must be an http(s) address without a user name.
 * A query behind the last tag joins the one a value may have; the value's parameters win.
 */
export function compileLinkTarget(template: string): LinkTarget {
  const pieces = parseTemplate(template).pieces;
  const tail = pieces.at(-1);
  if (tail?.kind !== 'literal' || !tail.text.startsWith('?')) return (fields) => openable(write(pieces, fields, ''));
  const fixed = pieces.slice(0, -1);
  const [query = '', fragment = ''] = tail.text.slice(1).split(/(?=#)/);
  return (fields) => {
    const address = write(fixed, fields, '');
    return address === null ? null : openable(withQuery(address, query) + fragment);
  };
}

/** @returns null as soon as a value cannot stand where it would */
function write(pieces: readonly Piece[], fields: Fields, before: string): string | null {
  let out: string | null = before;
  for (const piece of pieces) {
    if (piece.kind === 'literal') out += piece.text;
    else if (piece.kind === 'output') out = place(out, outputText(piece, fields).trim());
    else if (piece.kind === 'branch') {
      const arm = piece.arms.find(({ when }) => when === null || holds(when, fields));
      if (arm !== undefined) out = write(arm.pieces, fields, out);
    }
    if (out === null) return null;
  }
  return out;
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

function place(before: string, value: string): string | null {
  if (before === '') return openable(value) === null ? null : value;
  if (/^https?:\/\/[^/?#]*$/i.test(before)) return label.test(value) ? before + value : null;
  // Dots alone would climb out of the author's path.
  return before + (/^\.{1,2}$/.test(value) ? '' : encodeURIComponent(value.toWellFormed()));
}

function openable(address: string | null): string | null {
  if (address === null || !/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const url = new URL(address);
  return url.username === '' && url.password === '' ? url.href : null;
}

/** Adds the parameters of a query that an address does not have, before its fragment. @param query encoded, like `a=1&b=2` */
export function withQuery(address: string, query: string): string {
  const [base = '', ...fragment] = address.split('#');
  const own = new Set((base.split('?').slice(1).join('?')).split('&').map((pair) => pair.split('=', 1)[0]));
  const missing = query.split('&').filter((pair) => pair !== '' && !own.has(pair.split('=', 1)[0]));
  if (missing.length === 0) return address;
  const joint = !base.includes('?') ? '?' : /[?&]$/.test(base) ? '' : '&';
  return `${base}${joint}${missing.join('&')}${fragment.map((part) => `#${part}`).join('')}`;
}


/**
 * Why the address of a link with merge tags cannot be opened for anybody: a tag would choose the host.
 * @returns null when it can
 */
export function linkTargetProblem(template: string): string | null {
  if (/^\s*\{[{%]/.test(template)) return null;
  // A letter where a tag stands, so that what is around it can be read as an address.
  const masked = template.replaceAll(mergeTags, 'x');
  if (!/^https?:\/\//i.test(masked) || !URL.canParse(masked)) return 'This address cannot be read. Write one like https://example.com/?for={{ first_name }}.';
  const host = /^https?:\/\/([^/?#]*)/i.exec(template.replaceAll(mergeTags, '\uE00F'))?.[1] ?? '';
  if (!host.includes('\uE00F') || /\uE00F\.[^\uE00F]*[^.\uE00F]+\.[a-z]{2,}(?::\d+)?$/i.test(host)) return null;
  return 'A tag stands where the domain is named, so the link could lead anywhere. Put the domain in words: https://{{ custom.shop }}.example.com/.';
}
