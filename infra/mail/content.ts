import { encodeEntities, scanHtml } from '#domain/content/html.ts';
import { parseTemplate, usesOf } from '#domain/content/language.ts';
import { compileLinkTarget } from '#domain/content/link-target.ts';
import { linkMark, prepareLinks, systemLinks, type Link, type Utm } from '#domain/content/links.ts';
import { readPart } from '#domain/content/parts.ts';
import { spinSeed } from '#domain/content/spintax.ts';
import { textFromHtml } from '#domain/content/text.ts';
import type { Fields, Value } from '#domain/content/values.ts';
import { standardFields } from '#domain/customer/fields.ts';
import { valueAt } from '#domain/journey/filters.ts';
import { offsetAt } from '#domain/shared/time.ts';
import { publicUrl } from '../tenancy/tracking-hosts.ts';
import { asciiAddress, encodeDate, encodeHeader, encodeMailbox, oneLine } from './mime.ts';
import { compilePlan, type Address, type Person, type Plan } from './template.ts';
import type { TrackingIds, TrackingKind } from './tracking-id.ts';

/** What a mail may say of its sender: the same for everybody. */
export interface MergeContext {
  readonly organization: { readonly name: string; readonly address: string };
  /** Of a journey's mail its name is empty. */
  readonly campaign: { readonly name: string };
  readonly journey?: { readonly name: string };
  /** Zone of `now`. */
  readonly timezone: string;
}

export interface MailSource {
  /** Host its links begin with; without one the installation's address. */
  readonly trackingHost?: string | null;
  /** What receivers tell apart in their feedback; a campaign unless it says otherwise. */
  readonly stream?: 'campaign' | 'journey';
  readonly orgNo: number;
  readonly orgSlug: string;
  readonly mailNo: number;
  readonly subject: string;
  readonly preheader: string;
  readonly fromName: string;
  readonly fromEmail: string;
  readonly replyTo: string;
  readonly html: string;
  readonly text: string;
  readonly tracking: { readonly opens: boolean; readonly clicks: boolean };
  readonly utm: Utm;
  readonly context: MergeContext;
}

export interface Recipient {
  /** Place in the ledger; 0 in test mails and previews, whose links change nothing. */
  readonly ordinal: number;
  /** What her choices of spintax follow from, together with the mail. */
  readonly customerId: number;
  readonly email: string;
  readonly fields: Fields;
}

export interface OutgoingMail {
  readonly from: string;
  readonly to: string;
  /** The whole message: every line ends with CRLF, the last one too, and none begins with a dot. */
  readonly bytes: Buffer;
}

/** A mail as its reader sees it. */
export interface ShownMail {
  readonly subject: string;
  readonly preheader: string;
  readonly fromName: string;
  readonly html: string;
  readonly text: string;
}

/** A mail compiled once: what remains per person is her slots. */
export interface CompiledMail {
  /** Destinations of tracked clicks, by number; those with merge tags are templates, see `compileLinkTarget`. */
  readonly urls: readonly string[];
  /** All links that lead to the web, tracked or not. */
  readonly links: readonly Link[];
  /** Links that are left as they are. */
  readonly exemptLinks: readonly string[];
  /** Fields the content reads. */
  readonly paths: readonly string[];
  /** @throws Error when this person's mail cannot be made; nobody else is concerned */
  render(recipient: Recipient, now: number): OutgoingMail;
  /** The same mail with the same links, not encoded: for previews and the web version. */
  show(recipient: Recipient, now: number): ShownMail;
}

export interface CompileOptions {
  readonly ids: Pick<TrackingIds, 'mint' | 'read'>;
  readonly baseUrl: string;
  /** A test mail: `[TEST]` before the subject, no tracking, an unsubscribe link that changes nothing. */
  readonly test?: boolean;
  /** As a test mail, but with the subject as it is; needs no sender. */
  readonly preview?: boolean;
  /** Number of the first link: variants of one mail number theirs one after the other. */
  readonly firstLink?: number;
}

/**
 * Builds the skeleton of a mail: multipart/alternative in quoted-printable, one-click unsubscribe (RFC 8058), a
 * Message-ID that is the same on every attempt. No line is longer than 998 bytes, no value can add a header.
 * @throws Error without a from address that mail can be written from
 */
export function compileMail(source: MailSource, options: CompileOptions): CompiledMail {
  const preview = options.preview === true;
  const isReal = options.test !== true && !preview;
  const tracking = { opens: source.tracking.opens && isReal, clicks: source.tracking.clicks && isReal };
  const trackUrl = `${publicUrl(source, options.baseUrl)}/api/track`;
  const from = asciiAddress(source.fromEmail) ?? (preview ? 'preview@localhost' : null);
  if (from === null) throw new Error('from address: expected one like news@example.com');
  const parts = {
    subject: (options.test === true ? '[TEST] ' : '') + readPart('subject', source.subject).marked,
    preheader: readPart('preheader', source.preheader).marked,
    fromName: readPart('fromName', source.fromName).marked,
  };
  const written = source.text.trim() === '' ? textFromHtml : readPart('text', source.text).marked;
  const { links, exempt, ...bodies } = prepareLinks(readPart('html', source.html).marked, written, source.utm);
  const html = withPreheader(bodies.html, parts.preheader);
  const { text } = bodies;
  // Marks behind those of the links stand for what only machines look at.
  const [pixelMark, trapMark] = [links.length, links.length + 1];

  const tokens = new TokenPlaces();
  const messageId = tokens.at('messageId');
  const unsubscribe = tokens.at(isReal ? 'unsubscribe' : 'testUnsubscribe');
  const addresses: readonly Address[] = [
    ...links.map((link, no): Address => {
      if (tracking.clicks) return { before: `${trackUrl}/click/`, token: tokens.at('click', (options.firstLink ?? 0) + no) };
      return link.hasTags ? { target: compileLinkTarget(link.url) } : link.url;
    }),
    tracking.opens ? { before: `${trackUrl}/open/`, token: tokens.at('open') } : '',
    tracking.clicks ? { before: `${trackUrl}/click/`, token: tokens.at('hiddenLink') } : '',
  ];
  // No person sees or reaches this link: whoever opens it is a scanner.
  const trap = tracking.clicks ? `<a href="${linkMark(trapMark)}" tabindex="-1" aria-hidden="true" style="display:none;font-size:0;mso-hide:all"></a>` : '';
  const pixel = tracking.opens ? `<img src="${linkMark(pixelMark)}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">` : '';
  const pages: Readonly<Record<(typeof systemLinks)[number], () => Address>> = {
    unsubscribe_url: () => ({ before: `${trackUrl}/unsubscribe/`, token: unsubscribe }),
    preferences_url: () => ({ before: `${trackUrl}/preferences/`, token: tokens.at('preferences') }),
    web_version_url: () => ({ before: `${trackUrl}/web/`, token: tokens.at('web') }),
  };
  const constants = constantsOf(source.context);
  const plan = (part: string, place: 'html' | 'text' | 'header', isEncoded = true): Plan => compilePlan(part, {
    place, isEncoded, constants,
    linkAt: (no) => addresses[no] ?? '',
    pageOf: (tag) => (Object.hasOwn(pages, tag) ? pages[tag as keyof typeof pages]() : undefined),
  });
  const subject = plan(parts.subject, 'header');
  const fromName = plan(parts.fromName, 'header');
  const htmlPlan = plan(beforeBodyEnds(html, trap + pixel), 'html');
  const textPlan = plan(text, 'text');
  const paths = pathsOf([parts.subject, parts.preheader, parts.fromName, html, text, ...links.map((link) => link.url)]);
  const readsNow = paths.includes('now');

  const boundary = `=_fermata_${source.mailNo}`;
  const head = headOf(source, from, boundary);
  const fixedSubject = subject.isFixed ? encodeHeader(subject.render(nobody)) : null;
  const fixedFrom = fromName.isFixed ? encodeMailbox(fromName.render(nobody), from) : null;
  const partHead = (type: string) => `--${boundary}\r\nContent-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`;
  const textHead = partHead('plain');
  const htmlHead = `\r\n${partHead('html')}`;
  const end = `\r\n--${boundary}--\r\n`;
  let dateAt = 0;
  let date = '';
  let wall = '';

  const personOf = ({ ordinal, customerId, fields }: Recipient, now: number): Person => {
    if (now - dateAt >= 1_000 || now < dateAt) {
      dateAt = now;
      date = encodeDate(now);
      wall = wallClock(now, source.context.timezone);
    }
    return {
      fields: readsNow ? { get: (path) => (path === 'now' ? wall : fields.get(path)) } : fields,
      tokens: options.ids.mint({ orgNo: source.orgNo, mailNo: source.mailNo, ordinal }, tokens.blocks),
      seed: spinSeed(source.mailNo, customerId),
    };
  };
  let shown: Readonly<Record<keyof ShownMail, Plan>> | null = null;

  return {
    urls: tracking.clicks ? links.map((link) => link.url) : [],
    links,
    exemptLinks: exempt,
    paths: paths.filter((path) => path !== 'now' && !constants.has(path)),
    render(recipient, now) {
      const to = asciiAddress(recipient.email);
      if (to === null) throw new Error('the address cannot be written in a mail');
      const person = personOf(recipient, now);
      const message =
        `From: ${fixedFrom ?? encodeMailbox(fromName.render(person), from)}\r\n` +
        `To: <${to}>\r\n` +
        `Subject: ${fixedSubject ?? encodeHeader(subject.render(person))}\r\n` +
        `Date: ${date}\r\n` +
        `Message-ID: <${person.tokens[messageId]}@${head.domain}>\r\n` +
        `List-Unsubscribe: <${trackUrl}/unsubscribe/${person.tokens[unsubscribe]}>\r\n` +
        head.rest +
        textHead + textPlan.render(person) +
        htmlHead + htmlPlan.render(person) + end;
      // Everything is ASCII by construction, so one byte a character.
      return { from, to, bytes: Buffer.from(message, 'latin1') };
    },
    show(recipient, now) {
      const plans = (shown ??= {
        subject, fromName, preheader: plan(parts.preheader, 'header'), html: plan(html, 'html', false), text: plan(text, 'text', false),
      });
      const person = personOf(recipient, now);
      return {
        subject: plans.subject.render(person), preheader: plans.preheader.render(person), fromName: plans.fromName.render(person), html: plans.html.render(person), text: plans.text.render(person),
      };
    },
  };
}

const nobody: Person = { fields: new Map(), tokens: [], seed: 0 };

/** The ids of one message, each once, in the order in which they are minted. */
class TokenPlaces {
  readonly blocks: { readonly kind: TrackingKind; readonly link: number }[] = [];

  at(kind: TrackingKind, link = 0): number {
    const known = this.blocks.findIndex((block) => block.kind === kind && block.link === link);
    return known === -1 ? this.blocks.push({ kind, link }) - 1 : known;
  }
}

/** Headers that are the same in every mail. X-Auto-Response-Suppress keeps Exchange's absence notes from the sender's inbox. */
function headOf(source: MailSource, from: string, boundary: string): { readonly domain: string; readonly rest: string } {
  const replyTo = source.replyTo === '' ? null : asciiAddress(source.replyTo);
  return {
    domain: from.slice(from.lastIndexOf('@') + 1),
    rest:
      (replyTo === null ? '' : `Reply-To: <${replyTo}>\r\n`) +
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n' +
      `Feedback-ID: ${source.mailNo}:${oneLine(source.orgSlug).replaceAll(/[^A-Za-z0-9._-]/g, '')}:${source.stream ?? 'campaign'}:fermata\r\n` +
      'X-Auto-Response-Suppress: OOF, AutoReply\r\n' +
      `MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n`,
  };
}

/** What is the same for everybody. Pages of ours always exist, so conditions on them hold. */
function constantsOf({ organization, campaign, journey }: MergeContext): ReadonlyMap<string, Value> {
  return new Map<string, Value>([
    ['organization.name', organization.name], ['organization.address', organization.address], ['campaign.name', campaign.name],
    ...(journey === undefined ? [] : [['journey.name', journey.name] as const]), ...systemLinks.map((name) => [name, true] as const),
  ]);
}

/** Date and time as the organization's clock shows them. */
function wallClock(now: number, zone: string): string {
  return new Date(now + offsetAt(now, zone)).toISOString().slice(0, 19).replace('T', ' ');
}

/** A person's fields with what is the same for everybody, for what is not compiled with a mail. */
export function contextFields(context: MergeContext, fields: Fields, now: number): Fields {
  const constants = constantsOf(context);
  return { get: (path) => (path === 'now' ? wallClock(now, context.timezone) : constants.has(path) ? constants.get(path) : fields.get(path)) };
}

function pathsOf(sources: readonly string[]): string[] {
  const paths = new Set<string>();
  for (const each of sources) for (const use of usesOf(parseTemplate(each).pieces)) paths.add(use.path);
  return [...paths];
}

/** Puts the preheader where mail programs look for it, as the first text of the body, unseen in the mail itself. */
function withPreheader(html: string, preheader: string): string {
  if (preheader.trim() === '') return html;
  // Tags keep their quotes, the words between them are escaped.
  const escaped = preheader.split(/(\{\{[^{}]*\}\}|\{%[^{}]*%\})/).map((part, i) => (i % 2 === 1 ? part : encodeEntities(part))).join('');
  const block = `<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all">${escaped}</div>`;
  const body = scanHtml(html).find((token) => token.kind === 'tag' && token.name === 'body' && !token.isClosing);
  const at = body?.to ?? 0;
  return html.slice(0, at) + block + html.slice(at);
}

function beforeBodyEnds(html: string, markup: string): string {
  const end = html.search(/<\/body\s*>\s*(?:<\/html\s*>\s*)?$/i);
  return end === -1 ? html + markup : html.slice(0, end) + markup + html.slice(end);
}

/**
 * A person's fields as the merge language names them.
 * @param row a customer's; in journeys with `event`, the one that brought her in
 * @param paths only these are looked up, and only those a customer or her event has
 */
export function fieldsOf(row: Readonly<Record<string, unknown>>, paths: readonly string[]): Fields {
  const fields = new Map<string, Value>();
  for (const path of paths) {
    if (path.startsWith('event.')) {
      const value = eventValue(row['event'] as EntryEvent | null | undefined, path.slice('event.'.length));
      if (value !== undefined) fields.set(path, value);
      continue;
    }
    const isCustom = path.startsWith('custom.');
    const holder = isCustom ? (row['custom'] as Record<string, unknown> | null | undefined) : row;
    const key = isCustom ? path.slice(7) : path;
    if (holder !== null && holder !== undefined && (isCustom || Object.hasOwn(standardFields, key)) && Object.hasOwn(holder, key)) fields.set(path, holder[key] as Value);
  }
  return fields;
}

/** The event that brought somebody into a journey, as `ENTRY_EVENT` reads it. */
interface EntryEvent {
  readonly name: string;
  readonly at: string;
  readonly properties: Readonly<Record<string, unknown>> | null;
}

function eventValue(event: EntryEvent | null | undefined, path: string): Value {
  if (event === null || event === undefined) return undefined;
  if (path === 'name' || path === 'at') return event[path];
  const value = path.startsWith('properties.') ? valueAt(path.slice('properties.'.length), event.properties ?? {}) : undefined;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as Value);
}
