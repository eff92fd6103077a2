import { visibleText } from './check-html.ts';
import type { HtmlToken } from './html.ts';
import type { MailContent, MailPart } from './parts.ts';

/** What filters have learned to distrust. In a subject one is worth a word, in a long text a few are. */
const suspicious = [
  '100% free', '100% satisfied', 'act now', 'additional income', 'apply now', 'be your own boss', 'big bucks', 'buy direct', 'cash bonus', 'click here now', 'congratulations you won', 'credit card offers',
  'double your', 'earn extra cash', 'earn money', 'extra income', 'fast cash', 'free access', 'free gift', 'free money', 'get paid', 'get rich', 'guaranteed', 'increase sales', 'instant approval',
  'limited time only', 'lose weight', 'lowest price', 'make money', 'million dollars', 'miracle', 'money back', 'no catch', 'no credit check', 'no fees', 'no obligation', 'no risk', 'no strings attached', 'once in a lifetime',
  'order now', 'pure profit', 'risk free', 'risk-free', 'special promotion', 'this is not spam', 'urgent', 'viagra', 'while supplies last', 'winner', 'work from home', 'you have been selected',
];
const BODY_ALLOWANCE = 3;

/** Wording that reads like spam, to filters or to people. */
export function wordingOf(content: MailContent, tokens: readonly HtmlToken[]): { readonly field: MailPart; readonly message: string }[] {
  const found: { field: MailPart; message: string }[] = [];
  const subject = withoutTags(content.subject);
  if (isShouting(subject)) found.push({ field: 'subject', message: 'The subject is all capitals. Filters and readers take it for shouting.' });
  const words = withoutTags(content.html === '' ? content.text : visibleText(content.html, tokens));
  for (const [field, text] of [['subject', subject], ['preheader', withoutTags(content.preheader)], ['html', words]] as const) {
    if (/!{3,}/.test(text)) found.push({ field, message: 'Rows of exclamation marks look like spam. One is enough.' });
  }
  const inSubject = namesOf(subject);
  if (inSubject.length > 0) found.push({ field: 'subject', message: `Filters distrust ${inSubject.join(', ')} in a subject. Say it in other words.` });
  const inBody = namesOf(words);
  if (inBody.length > BODY_ALLOWANCE) found.push({ field: 'html', message: `Filters distrust texts with ${inBody.slice(0, 6).join(', ')}. Say some of it in other words.` });
  return found;
}

function withoutTags(text: string): string {
  return text.replaceAll(/\{\{[^{}]*\}\}|\{%[^{}]*%\}/g, ' ');
}

function isShouting(text: string): boolean {
  const letters = [...text].filter((letter) => letter.toLowerCase() !== letter.toUpperCase());
  return letters.length >= 6 && letters.filter((letter) => letter === letter.toUpperCase()).length / letters.length > 0.8;
}

function namesOf(text: string): string[] {
  const lower = ` ${text.toLowerCase().replaceAll(/\s+/g, ' ')} `;
  return suspicious.filter((words) => new RegExp(`[^\\p{L}\\p{N}]${words}[^\\p{L}\\p{N}]`, 'u').test(lower)).map((words) => `“${words}”`);
}
