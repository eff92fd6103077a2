import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import type { ToHtmlResult } from 'mrml';
import { checkMail, type CheckContext, type ContentReport } from '#domain/content/check.ts';
import { positionOf, scanHtml } from '#domain/content/html.ts';
import type { Problem } from '#domain/content/language.ts';
import { findMjmlProblems } from '#domain/content/mjml.ts';
import type { MailContent } from '#domain/content/parts.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { SendableMail } from './source.ts';

export interface Markup {
  readonly html: string;
  readonly isMjml: boolean;
  /** Why it could not be compiled, with places in the source; then `html` is empty. */
  readonly problems: readonly Problem[];
}

const LONGEST_MS = 5_000;
const LARGEST_HTML = 4 * 1_024 * 1_024;
const AT_ONCE = 2;
/** Comments may stand before the first element. */
const HEAD = 50_000;

const known = new LRUCache<string, Promise<Markup>>({ max: 50 });
let running = 0;
const waiting: (() => void)[] = [];

/**
 * The HTML of what an author wrote: MJML is compiled, everything else is HTML already. Merge tags and choices come through
 * as they are. Compiled in a thread of its own with a time limit; includes name files and are refused.
 */
export async function toHtml(source: string): Promise<Markup> {
  if (!isMjml(source)) return { html: source, isMjml: false, problems: [] };
  const key = createHash('sha256').update(source).digest('base64');
  const made = known.get(key) ?? compile(source);
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}

/** A mail whose HTML is HTML in every variant. @throws AppError `invalid` when MJML cannot be compiled */
export async function expandMarkup(mail: SendableMail): Promise<SendableMail> {
  const variants = await Promise.all(mail.variants.map(async (source) => {
    const { html, problems } = await toHtml(source.html);
    const [problem] = problems;
    if (problem !== undefined) throw new AppError('invalid', `The MJML cannot be compiled. Line ${problem.line}, column ${problem.column}: ${problem.message}`);
    return { ...source, html };
  }));
  return { ...mail, variants };
}

/** `checkMail` for content as its author wrote it: of MJML its own problems, then those of the HTML it makes. */
export async function checkWritten(content: MailContent, context: Omit<CheckContext, 'written'>): Promise<ContentReport> {
  const { html, isMjml, problems } = await toHtml(content.html);
  if (!isMjml) return checkMail(content, context);
  const report = checkMail({ ...content, html }, { ...context, written: content.html });
  return { ...report, errors: [...problems.map((problem) => ({ field: 'html' as const, ...problem })), ...report.errors] };
}

/** Whether the first element is `<mjml>`. */
function isMjml(source: string): boolean {
  if (!source.includes('<mjml')) return false;
  const first = scanHtml(source.slice(0, HEAD)).find((token) => token.kind === 'tag' && token.name !== '');
  return first?.kind === 'tag' && first.name === 'mjml';
}

async function compile(source: string): Promise<Markup> {
  const fail = (message: string, place = { line: 1, column: 1 }) => ({ html: '', isMjml: true, problems: [{ message, ...place }] });
  const named = findMjmlProblems(source);
  if (named.length > 0) return { html: '', isMjml: true, problems: named };
  const { masked, unmask } = mask(source);
  await turn();
  try {
    const result = await inThread(masked);
    if (result === 'too long') return fail(`It takes longer than ${LONGEST_MS / 1_000} s. Make it smaller.`);
    if (result === 'broken') return fail('It is nested too deep.');
    if (result.type === 'error') return fail(...explain(result, masked, (before) => positionOf(source, unmask(before).length)));
    if (result.content.length > LARGEST_HTML) return fail('The HTML that is made from it is larger than 4 MB. Make it smaller.');
    return { html: unmask(result.content), isMjml: true, problems: [] };
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

const mergeTag = /\{\{(?:"[^"]*"|'[^']*'|[^{}"'])*\}\}|\{%(?:"[^"]*"|'[^']*'|[^"'%{]|%(?!\}))*%\}/g;

/**
 * Puts marks where the compiler would stumble and takes them out again: merge tags, which may hold signs of markup, and in
 * attributes everything but plain ASCII, which it writes out in escapes of its own.
 */
function mask(source: string): { readonly masked: string; readonly unmask: (text: string) => string } {
  let word = 'mark';
  while (source.includes(word)) word += 'x';
  const kept: string[] = [];
  const keep = (text: string) => `${word}${kept.push(text) - 1}z`;
  let masked = '';
  let at = 0;
  for (const token of scanHtml(source)) {
    if (token.kind !== 'tag') continue;
    for (const { from, to, isQuoted } of token.attributes) {
      if (!isQuoted) continue;
      masked += source.slice(at, from) + source.slice(from, to).replaceAll(mergeTag, keep).replaceAll(/[^ !#-[\]-~]+/g, (text) => keep(text.replaceAll('"', '&quot;')));
      at = to;
    }
  }
  masked = (masked + source.slice(at)).replaceAll(mergeTag, keep);
  const marks = new RegExp(`${word}(\\d+)z`, 'g');
  return { masked, unmask: (text) => text.replaceAll(marks, (_, no: string) => kept[Number(no)] ?? '') };
}

/** Waits until a thread may be started: two at once, so that mails go on beside it. */
async function turn(): Promise<void> {
  while (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
}

function inThread(source: string): Promise<ToHtmlResult | 'too long' | 'broken'> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./mjml-worker.ts', import.meta.url), { workerData: source, resourceLimits: { maxOldGenerationSizeMb: 256 } });
    const end = (result: ToHtmlResult | 'too long' | 'broken') => {
      clearTimeout(timer);
      resolve(result);
      void worker.terminate();
    };
    const timer = setTimeout(() => end('too long'), LONGEST_MS);
    worker.once('message', (result: ToHtmlResult) => end(result));
    worker.once('error', () => end('broken'));
    worker.once('exit', () => end('broken'));
  });
}

type CompileError = Extract<ToHtmlResult, { type: 'error' }>;

/**
 * The compiler's refusal in words, and where.
 * @param placeAfter line and column in the author's source behind a beginning of the masked one
 */
function explain(error: CompileError, masked: string, placeAfter: (before: string) => { line: number; column: number }): [string, { line: number; column: number }?] {
  if (error.origin !== 'parser') return [`The compiler says: ${error.message}.`];
  const { details } = error;
  // Its positions are bytes.
  const at = (byte: number) => placeAfter(Buffer.from(masked).subarray(0, byte).toString());
  if (details.type === 'unexpected-element') return ['This element may not stand here.', at(details.position.start)];
  if (details.type === 'unexpected-token') return ['This may not stand here. Text belongs into mj-text, conditions around elements into mj-raw.', at(details.position.start)];
  if (details.type === 'missing-attribute') return [`This element needs the attribute ${details.name}.`, at(details.position.start)];
  if (details.type === 'invalid-attribute' || details.type === 'invalid-format') return ['This attribute cannot be read.', at(details.position.start)];
  const place = details.type === 'parser-error' ? / at (\d+):(\d+)/.exec(details.source) : null;
  if (place === null) return [`The compiler says: ${error.message}.`];
  const before = `${masked.split('\n').slice(0, Number(place[1]) - 1).map((line) => `${line}\n`).join('')}${(masked.split('\n')[Number(place[1]) - 1] ?? '').slice(0, Number(place[2]) - 1)}`;
  return ['This cannot be read: an element is not closed, or a < stands where none may. Write &lt; for a sign.', placeAfter(before)];
}
