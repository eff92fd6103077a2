import type { Value } from '#domain/content/values.ts';
import { classify } from '#domain/delivery/reply.ts';
import { fieldsOf, type CompiledMail } from './content.ts';
import { encodeDate, encodeHeader } from './mime.ts';
import { SessionError, type Outcome, type Provider, type Session } from './providers/provider.ts';
import type { SendableConnection } from './source.ts';

/** Who a mail is shown as when no customer is chosen. */
export const samplePerson: Readonly<Record<string, Value>> = {
  first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0000', city: 'London', country: 'GB', score: 42, timezone: 'Europe/London',
};

export interface TestResult {
  readonly email: string;
  readonly ok: boolean;
  /** The server's words, or what went wrong. */
  readonly reply: string;
}

/** Sends one mail to each address over one session. Never throws for what a server says: that is the result. */
export async function sendTest(mail: CompiledMail, provider: Provider, connection: SendableConnection, emails: readonly string[], now: number): Promise<TestResult[]> {
  const results: TestResult[] = [];
  let session: Session | null = null;
  for (const email of emails) {
    try {
      if (session === null || !session.isUsable) session = await provider.open(connection.settings);
      const rendered = mail.render({ ordinal: 0, email, fields: fieldsOf({ ...samplePerson, email }, mail.paths) }, now);
      const [outcome] = await session.send([rendered]);
      results.push({ email, ...describeOutcome(outcome) });
    } catch (error) {
      results.push({ email, ok: false, reply: error instanceof SessionError ? (error.reply?.text ?? error.message) : (error as Error).message });
    }
  }
  session?.close();
  return results;
}

function describeOutcome(outcome: Outcome | undefined): { ok: boolean; reply: string } {
  if (outcome === undefined) return { ok: false, reply: 'no answer' };
  if (outcome.kind === 'sent') return { ok: true, reply: outcome.reply };
  return { ok: false, reply: outcome.kind === 'refused' ? `${outcome.reply.text || outcome.reply.code}` : outcome.problem };
}

export interface ConnectionTest {
  readonly ok: boolean;
  readonly stage: 'connect' | 'tls' | 'login' | 'sender' | 'recipient' | 'message' | 'done';
  /** The likely cause and what to do. */
  readonly message: string;
  readonly reply: string | null;
}

const causes = {
  tls: 'TLS failed: check the Secure setting and the certificate.',
  login: 'Authentication failed: wrong key or credentials.',
  sender: 'Sender not verified: the server does not accept this from address.',
  recipient: 'The server refused the recipient.',
  message: 'The server refused the mail.',
} as const;

/** A person waits for this; a campaign gives the server its full 10 minutes. */
const ANSWER_LIMIT_MS = 30_000;

/** @returns null when the server took too long */
async function withinLimit(sending: Promise<readonly Outcome[]>): Promise<Outcome | null | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<null>((resolve) => { timer = setTimeout(() => resolve(null), ANSWER_LIMIT_MS); });
  const outcomes = await Promise.race([sending, limit]);
  clearTimeout(timer);
  return outcomes === null ? null : outcomes[0];
}

/** Signs in and sends a simple mail: proves reach, login, permission and sender. */
export async function tryConnection(
  provider: Provider, connection: SendableConnection, mail: { readonly from: string; readonly to: string; readonly organization: string }, now: number,
): Promise<ConnectionTest> {
  let session: Session;
  try {
    session = await provider.open(connection.settings);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    const reply = error.reply?.text ?? null;
    if (error.stage !== 'connect') return { ok: false, stage: error.stage, message: causes[error.stage], reply };
    return { ok: false, stage: 'connect', message: connectCause(error), reply };
  }
  const bytes = Buffer.from(
    `From: <${mail.from}>\r\nTo: <${mail.to}>\r\nSubject: ${encodeHeader(`Test of a connection of ${mail.organization}`)}\r\nDate: ${encodeDate(now)}\r\n` +
    `Message-ID: <test-${now}@${mail.from.split('@')[1] ?? 'localhost'}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis connection works.\r\n`,
    'latin1',
  );
  const outcome = await withinLimit(session.send([{ from: mail.from, to: mail.to, bytes }]));
  session.close();
  if (outcome === null) return { ok: false, stage: 'message', message: `The server did not answer within ${ANSWER_LIMIT_MS / 1_000} s: it may be overloaded, or hold mail back on purpose. Try again later.`, reply: null };
  if (outcome?.kind === 'sent') return { ok: true, stage: 'done', message: 'The connection works.', reply: outcome.reply };
  if (outcome?.kind !== 'refused') return { ok: false, stage: 'message', message: 'The server closed the connection without an answer.', reply: null };
  const { stage, reply } = outcome;
  if (classify(stage, reply) === 'later') return { ok: false, stage, message: 'Rate limited: the server asks to try again later.', reply: reply.text };
  return { ok: false, stage, message: causes[stage], reply: reply.text };
}

function connectCause(error: SessionError): string {
  const code = (error.cause as { code?: string; cause?: { code?: string } } | undefined)?.code;
  if (/ECONNREFUSED/.test(error.message)) return 'Connection refused: wrong host or port.';
  if (code === 'ETIMEDOUT' || /timeout|timed out/i.test(error.message)) return 'Connection timeout: check the network, the firewall and the port.';
  if (code === 'EDNS' || /ENOTFOUND|EAI_AGAIN/.test(error.message)) return 'The host was not found: check its name.';
  if (/Invalid greeting/.test(error.message)) return 'This is not an SMTP server: check the host and the port.';
  if (/closed/i.test(error.message)) return 'The server closed the connection at once: check the port and the Secure setting.';
  return /[.?!…]$/.test(error.message) ? error.message : `${error.message}.`;
}
