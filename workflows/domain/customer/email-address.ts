/** The one strict reading of an email address: API, import and suppression all go through it. */

export interface EmailAddress {
  /** As given, trimmed: what screens show and mail is sent to. */
  readonly shown: string;
  /** Lower-case with the domain in its ASCII form: two spellings of one mailbox have one key. */
  readonly key: string;
}

export const EMAIL_MAX_LENGTH = 254;

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{1,59})$/;
const NON_ASCII = /[^\u0000-\u007f]/;

/**
 * Reads one mailbox: no display name, no comment, no quoted local part, no group.
 * Internationalized domains are taken in either spelling and share one key.
 * @returns the address, or a sentence that says what is wrong with it
 */
export function parseEmailAddress(input: string): EmailAddress | { readonly problem: string } {
  const shown = input.trim();
  if (shown === '') return { problem: 'The email address is missing.' };
  const at = shown.lastIndexOf('@');
  if (at < 1 || at === shown.length - 1) return { problem: 'Not an email address: expected a form like ada@example.com.' };
  if (shown.length > EMAIL_MAX_LENGTH) return { problem: `The email address is longer than ${EMAIL_MAX_LENGTH} characters.` };
  const local = shown.slice(0, at);
  if (local.length > 64) return { problem: 'The part before the @ is longer than 64 characters.' };
  if (NON_ASCII.test(local)) return { problem: 'The part before the @ may hold only unaccented letters, digits and common signs.' };
  if (!LOCAL.test(local)) return { problem: 'The part before the @ is not written as an email address allows it.' };
  const domain = asciiDomain(shown.slice(at + 1));
  if (domain === null || !DOMAIN.test(domain)) return { problem: 'The part after the @ is not a domain: expected a form like example.com.' };
  const key = `${local.toLowerCase()}@${domain}`;
  if (key.length > EMAIL_MAX_LENGTH) return { problem: `The email address is longer than ${EMAIL_MAX_LENGTH} characters.` };
  return { shown, key };
}

/** The key under which an address would be stored, or null when it is none. */
export function emailKey(input: string): string | null {
  const parsed = parseEmailAddress(input);
  return 'problem' in parsed ? null : parsed.key;
}

function asciiDomain(domain: string): string | null {
  if (!NON_ASCII.test(domain)) return domain.toLowerCase();
  // URL applies IDNA (UTS 46); the signs below would end the host part early.
  if (/[\s/?#@:%\\[\]]/.test(domain)) return null;
  return URL.canParse(`http://${domain}`) ? new URL(`http://${domain}`).hostname : null;
}
