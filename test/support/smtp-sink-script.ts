/** How the scripted SMTP server behaves as a whole; changed while it runs. */
export interface SinkRules {
  /** A recipient behaviour for everybody; null: each address says its own. */
  readonly everybody: string | null;
  readonly greeting: 'ok' | 'hang' | 'busy' | 'drop';
  readonly login: 'ok' | 'refuse' | 'later';
  readonly sender: 'ok' | '421' | '550' | 'hang';
  readonly pipelining: boolean;
  /** Largest message it announces and takes. */
  readonly sizeBytes: number;
  /** Passwords that open it; none: it asks for no login. */
  readonly passwords: readonly string[];
  /** Closes a session that is idle this long after an answer; 0: never. */
  readonly idleCloseMs: number;
}

export const plainRules: SinkRules = { everybody: null, greeting: 'ok', login: 'ok', sender: 'ok', pipelining: true, sizeBytes: 50_000_000, passwords: [], idleCloseMs: 0 };

/**
 * What happens to a recipient.
 * `refuse` before DATA or after the dot with an answer; `drop` before 354; `take` accepts the message whole and then
 * answers after a while, closes with FIN or RST, or stays silent.
 */
export type RecipientScript =
  | { readonly kind: 'refuse'; readonly at: 'recipient' | 'dot'; readonly answer: string }
  | { readonly kind: 'drop' }
  | { readonly kind: 'take'; readonly then: 'answer' | 'fin' | 'rst' | 'hang' | 'answer-and-close'; readonly afterMs: number };

const accept: RecipientScript = { kind: 'take', then: 'answer', afterMs: 0 };
const atRecipient = (answer: string): RecipientScript => ({ kind: 'refuse', at: 'recipient', answer });
const atDot = (answer: string): RecipientScript => ({ kind: 'refuse', at: 'dot', answer });
const take = (then: 'fin' | 'rst' | 'hang' | 'answer-and-close'): RecipientScript => ({ kind: 'take', then, afterMs: 0 });

/** One row a behaviour; its name is what the local part of an address starts with, up to the first dot. */
const scripts: Readonly<Record<string, RecipientScript>> = {
  rcpt550: atRecipient('550 5.1.1 no such user'),
  rcpt450: atRecipient('450 4.2.1 greylisted'),
  rcpt421: atRecipient('421 4.3.2 too much mail'),
  full: atRecipient('552 5.2.2 mailbox full'),
  policy: atRecipient('550 5.7.1 refused by policy'),
  vague: atRecipient('550 refused'),
  data354drop: { kind: 'drop' },
  'dotdrop-fin': take('fin'),
  'dotdrop-rst': take('rst'),
  dothang: take('hang'),
  idleclose: take('answer-and-close'),
  dot421: atDot('421 4.3.2 shutting down'),
  dot451: atDot('451 4.3.0 later'),
  dot454: atDot('454 4.7.0 busy'),
  dot550: atDot('550 5.7.1 content refused'),
  dot552: atDot('552 5.3.4 message too big'),
  dot554: atDot('554 5.6.0 message not understood'),
};

/**
 * The behaviour behind a name: one of the table, `slow-<ms>`, `grey-<n>` (450 to the first n attempts at a recipient), or
 * anything else for an accepted message.
 * @param attempt of this recipient at this server, from 1
 */
export function scriptOf(name: string, attempt: number): RecipientScript {
  const known = scripts[name];
  if (known !== undefined) return known;
  if (name.startsWith('slow-')) return { kind: 'take', then: 'answer', afterMs: Number(name.slice(5)) };
  if (name.startsWith('grey-')) return attempt <= Number(name.slice(5)) ? atRecipient('450 4.2.0 greylisted') : accept;
  return accept;
}

/** What an address asks for: its local part up to the first dot. */
export function nameIn(address: string): string {
  const end = address.search(/[.@]/);
  return end === -1 ? address : address.slice(0, end);
}
