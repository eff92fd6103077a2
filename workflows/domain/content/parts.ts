import { clean } from './links.ts';
import { readSpintax, type SpinSource } from './spintax.ts';

/** What a mail is written in. */
export const mailParts = ['subject', 'preheader', 'fromName', 'html', 'text'] as const;
export type MailPart = (typeof mailParts)[number];
export type MailContent = Readonly<Record<MailPart, string>>;

/** Choices of a part are numbered apart from those of the others, so that editing one leaves the others as they are. */
const firstChoice: Readonly<Record<MailPart, number>> = { subject: 0, preheader: 1_000, fromName: 0, html: 2_000, text: 3_000 };

/** A part as it is compiled: without characters no mail may carry, its choices marked. The from name has none. */
export function readPart(part: MailPart, source: string): SpinSource {
  const cleaned = clean(source);
  return part === 'fromName' ? { marked: cleaned, problems: [], choices: 0 } : readSpintax(cleaned, part === 'html' ? 'html' : 'plain', firstChoice[part]);
}
