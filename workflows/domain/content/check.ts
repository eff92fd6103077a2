import { standardFields } from '../customer/fields.ts';
import { scanHtml } from './html.ts';
import { parseTemplate, usesOf } from './language.ts';
import { MAX_LINKS, prepareLinks, systemLinks } from './links.ts';
import { mailParts, readPart, type MailContent, type MailPart } from './parts.ts';
import { appearanceOf, linkProblemsOf } from './check-html.ts';
import { wordingOf } from './check-words.ts';

/** Something about a mail, with where it stands. */
export interface ContentProblem {
  readonly field: MailPart;
  readonly message: string;
  /** In the part as it is written, both from 1; null when it concerns all of it. */
  readonly line: number | null;
  readonly column: number | null;
}

export interface ContentReport {
  readonly errors: readonly ContentProblem[];
  readonly warnings: readonly ContentProblem[];
  /** Fields the content reads, each once. */
  readonly paths: readonly string[];
}

export interface CheckContext {
  /** Keys of the organization's custom fields. */
  readonly customKeys: ReadonlySet<string>;
  /** An unknown field is a warning while a draft is written and an error when it is launched. */
  readonly at: 'save' | 'launch';
  /** The HTML as its author wrote it, when `html` was made from it: tags are looked for there. */
  readonly written?: string;
  /** What it is sent by; a campaign unless it says otherwise. */
  readonly of?: 'campaign' | 'journey';
}

/** What a mail may say of its sender. */
const senderPaths = { campaign: ['organization.name', 'organization.address', 'campaign.name', 'now'], journey: ['organization.name', 'organization.address', 'journey.name', 'event.name', 'event.at', 'now'] } as const;

/** HTML above this is cut off by Gmail, with the unsubscribe link. */
const CLIPPED_ABOVE = 102 * 1_024;

/**
 * Everything that can be said about a mail without sending it. Errors stand against a launch, warnings inform.
 * Empty parts are nobody's problem here: whoever launches knows which are wanted.
 */
export function checkMail(content: MailContent, context: CheckContext): ContentReport {
  const errors: ContentProblem[] = [];
  const warnings: ContentProblem[] = [];
  const paths = new Set<string>();
  const add = (to: ContentProblem[], field: MailPart, message: string, place: { line: number; column: number } | null = null) => {
    to.push({ field, message, line: place?.line ?? null, column: place?.column ?? null });
  };
  for (const field of mailParts) {
    const { marked, problems } = readPart(field, field === 'html' ? (context.written ?? content.html) : content[field]);
    const template = parseTemplate(marked);
    for (const problem of [...problems, ...template.problems].sort((a, b) => a.line - b.line || a.column - b.column)) add(errors, field, problem.message, problem);
    for (const use of usesOf(template.pieces)) {
      paths.add(use.path);
      if (exists(use.path, context) || use.hasDefault) continue;
      add(context.at === 'launch' ? errors : warnings, field, `There is no field ${use.path}. Correct the name, or give a default: {{ ${use.path} | default: "…" }}.`, use);
    }
  }
  const tokens = scanHtml(content.html);
  const written = context.written ?? content.html;
  checkUnsubscribe({ ...content, html: written }, (field, message) => add(errors, field, message));
  for (const { message, isError, ...place } of linkProblemsOf(written, context.written === undefined ? tokens : scanHtml(written))) add(isError ? errors : warnings, 'html', message, place);
  const { links } = prepareLinks(readPart('html', content.html).marked, readPart('text', content.text).marked, {});
  if (links.length >= MAX_LINKS) add(errors, 'html', `More than ${MAX_LINKS - 1} different links; no more can be told apart.`);
  const size = byteLength(content.html);
  if (size > CLIPPED_ABOVE) add(warnings, 'html', `The HTML has ${Math.ceil(size / 1_024)} kB. Gmail cuts off what is above 102 kB, the unsubscribe link too.`);
  for (const message of appearanceOf(content.html, tokens, context.written === undefined)) add(warnings, 'html', message);
  for (const { field, message } of wordingOf(content, tokens)) add(warnings, field, message);
  return { errors, warnings, paths: [...paths] };
}

function checkUnsubscribe({ html, text }: MailContent, error: (field: MailPart, message: string) => void): void {
  const tag = /\{\{-?\s*unsubscribe_url\b/;
  if (html.trim() !== '' && !tag.test(html)) error('html', 'The HTML needs a link to {{ unsubscribe_url }}.');
  if (text.trim() !== '' && !tag.test(text)) error('text', 'The text needs {{ unsubscribe_url }} too.');
}

function exists(path: string, { customKeys, of = 'campaign' }: CheckContext): boolean {
  if (Object.hasOwn(standardFields, path) || (senderPaths[of] as readonly string[]).includes(path) || (systemLinks as readonly string[]).includes(path)) return true;
  // What properties an event has only its senders know.
  if (of === 'journey' && path.startsWith('event.properties.')) return true;
  return path.startsWith('custom.') && customKeys.has(path.slice(7));
}

/** The problem in one sentence with its place, for those who see no editor beside it. */
export function sayProblem({ field, message, line, column }: ContentProblem): string {
  if (line === null) return message;
  return `${field === 'html' || field === 'text' ? `Line ${line}, column ${column}` : `Character ${column}`}: ${message}`;
}

/** Bytes in UTF-8. */
function byteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    // Each half of a surrogate pair stands for two of its four bytes.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
