import { usesOf } from '#domain/content/check.ts';
import { parseTemplate } from '#domain/content/language.ts';
import { clean, encodeEntities, prepareLinks, type Utm } from '#domain/content/links.ts';
import { textFromHtml } from '#domain/content/text.ts';
import type { Fields, Value } from '#domain/content/values.ts';
import { encodeDate, encodeHeader, encodeMailbox, isAddress, oneLine } from './mime.ts';
import { compilePlan, type Tokens } from './template.ts';
import type { TrackingIds, TrackingKind } from './tracking-id.ts';

export interface MailSource {
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
}

export interface Recipient {
  readonly ordinal: number;
  readonly email: string;
  readonly fields: Fields;
}

export interface OutgoingMail {
  readonly from: string;
  readonly to: string;
  /** The whole message: every line ends with CRLF, the last one too, and none begins with a dot. */
  readonly bytes: Buffer;
}

/** A mail compiled once: what remains per person is her slots. */
export interface CompiledMail {
  /** Destinations of clicks, by number. */
  readonly urls: readonly string[];
  /** Fields the content reads. */
  readonly paths: readonly string[];
  /** @throws Error when this person's mail cannot be made; nobody else is concerned */
  render(recipient: Recipient, now: number): OutgoingMail;
}

export interface CompileOptions {
  readonly ids: TrackingIds;
  readonly baseUrl: string;
  /** A test mail: `[TEST]` before the subject, no tracking, an unsubscribe link that changes nothing. */
  readonly test?: boolean;
}

/**
 * Builds the skeleton of a mail: multipart/alternative in quoted-printable, one-click unsubscribe (RFC 8058), a
 * Message-ID that is the same on every attempt. No line is longer than 998 bytes, no value can add a header.
 */
export function compileMail(source: MailSource, options: CompileOptions): CompiledMail {
  const test = options.test === true;
  const trackUrl = `${options.baseUrl.replace(/\/$/, '')}/api/track`;
  const html = withPreheader(clean(source.html), clean(source.preheader));
  const text = source.text.trim() === '' ? textFromHtml(clean(source.html)) : clean(source.text);
  const links = prepareLinks(html, text, { track: source.tracking.clicks && !test, utm: source.utm });
  if (!isAddress(source.fromEmail)) throw new Error(`from address: expected one like news@example.com`);
  const domain = source.fromEmail.slice(source.fromEmail.indexOf('@') + 1);

  const blocks: { name: string; kind: TrackingKind; link: number }[] = [
    { name: 'messageId', kind: 'messageId', link: 0 },
    { name: 'unsubscribe', kind: test ? 'testUnsubscribe' : 'unsubscribe', link: 0 },
    ...(source.tracking.opens && !test ? [{ name: 'open', kind: 'open' as const, link: 0 }] : []),
    ...links.urls.map((_, link) => ({ name: `click${link}`, kind: 'click' as const, link })),
  ];
  const subject = compilePlan((test ? '[TEST] ' : '') + clean(source.subject), { place: 'header', trackUrl });
  const fromName = compilePlan(clean(source.fromName), { place: 'header', trackUrl });
  const htmlPlan = compilePlan(links.html, { place: 'html', trackUrl });
  const textPlan = compilePlan(links.text, { place: 'text', trackUrl });
  const pixel = compilePixel(trackUrl, source.tracking.opens && !test);

  const boundary = `=_fermata_${source.mailNo}`;
  const nobody: Fields = new Map();
  const fixedSubject = subject.isFixed ? encodeHeader(subject.render(nobody, {})) : null;
  const fixedFrom = fromName.isFixed ? encodeMailbox(fromName.render(nobody, {}), source.fromEmail) : null;
  const replyTo = source.replyTo !== '' && isAddress(source.replyTo) ? `Reply-To: <${source.replyTo}>\r\n` : '';
  const feedbackId = `Feedback-ID: ${source.mailNo}:${oneLine(source.orgSlug).replaceAll(':', '')}:campaign:fermata\r\n`;
  const tail = `MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n`;
  const partHead = (type: string) => `--${boundary}\r\nContent-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`;
  const textHead = partHead('plain');
  const htmlHead = `\r\n${partHead('html')}`;
  const end = `\r\n--${boundary}--\r\n`;
  let dateAt = 0;
  let date = '';

  return {
    urls: links.urls,
    paths: pathsOf([subjectSource(source), source.fromName, html, text]),
    render(recipient, now) {
      if (!isAddress(recipient.email)) throw new Error('the address cannot be written in a mail');
      if (now - dateAt >= 1_000) {
        dateAt = now;
        date = encodeDate(now);
      }
      const minted = options.ids.mint({ orgNo: source.orgNo, mailNo: source.mailNo, ordinal: recipient.ordinal }, blocks);
      const tokens: Record<string, string> = {};
      for (let i = 0; i < blocks.length; i += 1) tokens[(blocks[i] as { name: string }).name] = minted[i] as string;
      const { fields } = recipient;
      const message =
        `From: ${fixedFrom ?? encodeMailbox(fromName.render(fields, tokens), source.fromEmail)}\r\n` +
        `To: <${recipient.email}>\r\n` +
        `Subject: ${fixedSubject ?? encodeHeader(subject.render(fields, tokens))}\r\n` +
        replyTo +
        `Date: ${date}\r\n` +
        `Message-ID: <${tokens['messageId']}@${domain}>\r\n` +
        `List-Unsubscribe: <${trackUrl}/unsubscribe/${tokens['unsubscribe']}>\r\n` +
        'List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n' +
        feedbackId + tail +
        textHead + textPlan.render(fields, tokens) +
        htmlHead + htmlPlan.render(fields, tokens) + pixel(tokens) + end;
      // Everything is ASCII by construction, so one byte a character.
      return { from: source.fromEmail, to: recipient.email, bytes: Buffer.from(message, 'latin1') };
    },
  };
}

function compilePixel(trackUrl: string, wanted: boolean): (tokens: Tokens) => string {
  if (!wanted) return () => '';
  const plan = compilePlan(`<img src="${trackUrl}/open/\uE000-\uE001" width="1" height="1" alt="">`, { place: 'html', trackUrl });
  const [before = '', after = ''] = plan.render(new Map(), {}).split('=EE=80=80-=EE=80=81');
  return (tokens) => `${before}=\r\n${tokens['open'] ?? ''}=\r\n${after}`;
}

const subjectSource = (source: MailSource): string => source.subject;

function pathsOf(sources: readonly string[]): string[] {
  const paths = new Set<string>();
  for (const each of sources) for (const use of usesOf(parseTemplate(each).pieces)) paths.add(use.path);
  return [...paths].filter((path) => path !== 'unsubscribe_url');
}

/** Puts the preheader where mail programs look for it, as the first text of the body. */
export function withPreheader(html: string, preheader: string): string {
  if (preheader.trim() === '') return html;
  // Tags keep their quotes, the words between them are escaped.
  const escaped = preheader.split(/(\{\{.*?\}\}|\{%.*?%\})/s).map((part, i) => (i % 2 === 1 ? part : encodeEntities(part))).join('');
  const block = `<div style="display:none;max-height:0;overflow:hidden">${escaped}</div>`;
  const body = /<body\b[^>]*>/i.exec(html);
  if (body === null) return block + html;
  const at = body.index + body[0].length;
  return html.slice(0, at) + block + html.slice(at);
}

/** A person's fields as the merge language names them. @param paths only these are looked up */
export function fieldsOf(row: Readonly<Record<string, unknown>>, paths: readonly string[]): Fields {
  const fields = new Map<string, Value>();
  for (const path of paths) {
    const holder = path.startsWith('custom.') ? (row['custom'] as Record<string, unknown> | null | undefined) : row;
    const key = path.startsWith('custom.') ? path.slice(7) : path;
    if (holder !== null && holder !== undefined && Object.hasOwn(holder, key)) fields.set(path, holder[key] as Value);
  }
  return fields;
}
