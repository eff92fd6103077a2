/** UTM parameters of a campaign; empty ones are left out. */
export type Utm = Readonly<Record<string, string>>;

export interface Links {
  /** Destinations in order of appearance, numbered from 0; each once. */
  readonly urls: readonly string[];
  readonly html: string;
  readonly text: string;
}

/** Stands in the source where the tracking link of destination `no` goes; the characters cannot be typed. */
export const linkMark = (no: number): string => `\uE000${no}\uE001`;
export const linkMarks = /\uE000(\d+)\uE001/g;

/** Removes characters reserved for our marks and those no mail may carry. */
export function clean(source: string): string {
  return source.replaceAll(/[\uE000\uE001\u0000-\u0008\u000B\u000C\u000E-\u001F]/g, '');
}

const anchor = /<a\b[^>]*?>/gi;
const href = /(\bhref\s*=\s*)("([^"]*)"|'([^']*)')/i;
const textUrl = /https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?]/g;

/**
 * Finds the links of a mail, adds UTM parameters and, when clicks are tracked, puts a mark in each place.
 * `mailto:`, `tel:`, anchors, links with merge tags and those with `data-track="off"` stay as they are.
 */
export function prepareLinks(html: string, text: string, options: { readonly track: boolean; readonly utm: Utm }): Links {
  const noByUrl = new Map<string, number>();
  const place = (url: string, write: (tracked: string) => string): string => {
    const full = withUtm(url, options.utm);
    if (!options.track) return write(full);
    const no = noByUrl.get(full) ?? noByUrl.size;
    noByUrl.set(full, no);
    return linkMark(no);
  };
  const exempt = new Set<string>();
  const newHtml = html.replaceAll(anchor, (tag) => {
    if (/\bdata-track\s*=\s*["']?off/i.test(tag)) {
      const found = href.exec(tag);
      exempt.add(decodeEntities((found?.[3] ?? found?.[4] ?? '').trim()));
      return tag;
    }
    return tag.replace(href, (whole, before: string, _quoted: string, double?: string, single?: string) => {
      const url = decodeEntities((double ?? single ?? '').trim());
      return isTrackable(url) ? `${before}"${place(url, encodeEntities)}"` : whole;
    });
  });
  const newText = text.replaceAll(textUrl, (url) => (isTrackable(url) && !exempt.has(url) ? place(url, (full) => full) : url));
  return { urls: [...noByUrl.keys()], html: newHtml, text: newText };
}

function isTrackable(url: string): boolean {
  return /^https?:\/\//i.test(url) && !url.includes('{{') && !url.includes('{%') && URL.canParse(url);
}

/** A parameter that is already on the link wins. */
export function withUtm(url: string, utm: Utm): string {
  const missing = Object.entries(utm).filter(([name, value]) => value !== '' && !new RegExp(`[?&]${name}=`).test(url));
  if (missing.length === 0) return url;
  const [base = '', fragment] = url.split('#', 2);
  const query = missing.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `${base}${base.includes('?') ? '&' : '?'}${query}${fragment === undefined ? '' : `#${fragment}`}`;
}

function decodeEntities(value: string): string {
  return value.replaceAll('&amp;', '&').replaceAll('&#38;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
}

export function encodeEntities(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
