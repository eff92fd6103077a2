import { decodeEntities, mergeTags, scanHtml } from './html.ts';
import { linkTargetProblem, withQuery } from './link-target.ts';

/** UTM parameters of a campaign; empty ones are left out. */
export type Utm = Readonly<Record<string, string>>;

export interface Link {
  /** The destination with its UTM parameters; a template when it holds merge tags. */
  readonly url: string;
  /** As its author wrote it. */
  readonly written: string;
  readonly hasTags: boolean;
}

export interface Links {
  /** In order of appearance, each once; their place is their number. */
  readonly links: readonly Link[];
  readonly html: string;
  readonly text: string;
  /** Links that stay as they are: `data-track="off"`. */
  readonly exempt: readonly string[];
}

/** Numbers of links are 12 bits of a tracking id. */
export const MAX_LINKS = 4_096;

/** Stands in the source where link `no` goes; the characters cannot be typed. */
export const linkMark = (no: number): string => `\uE000${no}\uE001`;
export const linkMarks = /\uE000(\d+)\uE001/g;

/** Removes characters reserved for our marks and those no mail may carry. */
export function clean(source: string): string {
  return source.replaceAll(/[\uE000-\uE00F\u0000-\u0008\u000B\u000C\u000E-\u001F]/g, '');
}

/** Links that are made for each person and lead to pages of ours. */
export const systemLinks = ['unsubscribe_url', 'preferences_url', 'web_version_url'] as const;
const systemLink = new RegExp(`\\{\\{-?\\s*(?:${systemLinks.join('|')})\\b`);
const textUrl = /https?:\/\/(?:\{\{[^{}]*\}\}|[^\s<>"')\]{}\uE000-\uE00F])+/gi;

/**
 * Finds the links of a mail, adds UTM parameters and puts a mark in each place, in Outlook's conditional comments too.
 * `mailto:`, `tel:`, anchors, the system's own links and those with `data-track="off"` stay as they are. An empty text is
 * derived from the HTML, with the same links.
 */
export function prepareLinks(html: string, text: string | ((html: string, written: (no: number) => string) => string), utm: Utm): Links {
  const links: Link[] = [];
  const noByUrl = new Map<string, number>();
  const query = utmQuery(utm);
  const place = (written: string): string | null => {
    const url = withUtm(written, query);
    const no = noByUrl.get(url) ?? links.length;
    if (no >= MAX_LINKS) return null;
    if (no === links.length) links.push({ url, written, hasTags: hasTags(url) });
    noByUrl.set(url, no);
    return linkMark(no);
  };
  const exempt = new Set<string>();
  let marked = '';
  let at = 0;
  for (const { url, from, to, isQuoted, isOff } of findLinks(html)) {
    if (isOff) exempt.add(url);
    const mark = isOff ? null : place(url);
    if (mark === null) continue;
    marked += html.slice(at, from) + (isQuoted ? mark : `"${mark}"`);
    at = to;
  }
  marked += html.slice(at);
  const words = typeof text === 'string' ? text : text(marked, (no) => links[no]?.written ?? '');
  const markedText = words.replaceAll(textUrl, (found) => {
    const url = found.replace(/[.,;:!?]+$/, '');
    return isDestination(url) && !exempt.has(url) ? (place(url) ?? url) + found.slice(url.length) : found;
  });
  return { links, html: marked, text: markedText, exempt: [...exempt] };
}

interface FoundLink {
  readonly url: string;
  readonly from: number;
  readonly to: number;
  readonly isQuoted: boolean;
  readonly isOff: boolean;
}

/** Links to elsewhere, where their addresses stand. */
function* findLinks(html: string): Generator<FoundLink> {
  for (const token of scanHtml(html)) {
    if (token.kind !== 'tag' || token.isClosing || !(token.name === 'a' || token.name === 'area' || token.name.startsWith('v:'))) continue;
    const href = token.attributes.find((attribute) => attribute.name === 'href');
    if (href === undefined) continue;
    const track = token.attributes.find((attribute) => attribute.name === 'data-track');
    const isOff = track !== undefined && html.slice(track.from, track.to).trim().toLowerCase() === 'off';
    const url = decodeEntities(html.slice(href.from, href.to)).trim();
    if (isDestination(url)) yield { url, from: href.from, to: href.to, isQuoted: href.isQuoted, isOff };
  }
}

function hasTags(url: string): boolean {
  return url.includes('{{') || url.includes('{%');
}

/** Whether a link leads to the web: an http(s) address, or a tag that may hold one. */
function isDestination(url: string): boolean {
  if (systemLink.test(url)) return false;
  if (!hasTags(url)) return /^https?:\/\//i.test(url) && URL.canParse(url);
  return (/^https?:\/\//i.test(url) || /^\{[{%]/.test(url)) && linkTargetProblem(url) === null;
}

function utmQuery(utm: Utm): string {
  return Object.entries(utm).flatMap(([name, value]) => (value === '' ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`])).join('&');
}

/** A parameter that is already on the link wins; what stands inside merge tags is none. */
function withUtm(url: string, query: string): string {
  if (query === '') return url;
  if (!hasTags(url)) return withQuery(url, query);
  const tags: string[] = [];
  const masked = url.replaceAll(mergeTags, (tag) => `\uE00D${tags.push(tag) - 1}\uE00E`);
  return withQuery(masked, query).replaceAll(/\uE00D(\d+)\uE00E/g, (_, no: string) => tags[Number(no)] ?? '');
}

/** The UTM parameters of a campaign: what is not set has its default; `off` set to `true` switches all off. @param variant label of an A/B variant */
export function completeUtm(utm: Utm, campaign: { readonly orgSlug: string; readonly name: string; readonly variant?: string | null }): Utm {
  if (utm['off'] === 'true') return {};
  const slug = campaign.name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return { utm_source: campaign.orgSlug, utm_medium: 'email', utm_campaign: slug, utm_content: campaign.variant ?? '', ...utm };
}
