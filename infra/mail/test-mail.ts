import { classify } from '#domain/delivery/reply.ts';
import { fieldsOf, type CompiledMail } from './content.ts';
import type { Governor } from './governor.ts';
import { encodeDate, encodeHeader } from './mime.ts';
import type { ShownPerson } from './person.ts';
import { SessionError, type Outcome, type Provider, type Session } from './providers/provider.ts';
import type { SendableConnection } from './source.ts';

export interface TestRequest {
  /** The variants to send, compiled as test mails; the label is null where there is no A/B test. */
  readonly mails: readonly { readonly label: string | null; readonly mail: CompiledMail }[];
  readonly emails: readonly string[];
  /** Whose fields and choices it shows; the sample person has the address it goes to. */
  readonly person: ShownPerson;
  readonly provider: Provider;
  readonly connection: SendableConnection;
  /** The limits of the connection: test mail counts like any other. */
  readonly limits: Pick<Governor, 'take'>;
}

export interface TestResult {
  readonly email: string;
  /** Label of the variant, or null. */
  readonly variant: string | null;
  readonly ok: boolean;
  /** The server's words, or what went wrong. */
  readonly reply: string;
}

/** A person waits for this; a campaign gives the server its full 10 minutes. */
const ANSWER_LIMIT_MS = 30_000;
const NO_ANSWER = `The server did not answer within ${ANSWER_LIMIT_MS / 1_000} s: it may be overloaded, or hold mail back on purpose. Try again later.`;
/** A server that let us wait so often is not asked for the others. */
const PATIENCE = 2;

/**
 * Sends each variant to each address, one after the other, with at most 30 s for each. Writes nothing anywhere.
 * Never throws for what a server says: that is the result.
 */
export async function sendTest(request: TestRequest, now: number): Promise<TestResult[]> {
  const { person, provider, connection } = request;
  const results: TestResult[] = [];
  let session = null as Session | null;
  let silences = 0;
  for (const email of request.emails) {
    for (const { label, mail } of request.mails) {
      const end = (ok: boolean, reply: string) => void results.push({ email, variant: label, ok, reply });
      if (silences >= PATIENCE) {
        end(false, 'Not tried: the server did not answer for the addresses before.');
        continue;
      }
      const row = person.isSample ? { ...person.row, email } : person.row;
      try {
        const rendered = mail.render({ ordinal: 0, customerId: person.customerId, email, fields: fieldsOf(row, mail.paths) }, now);
        const { retryAt } = await request.limits.take(1);
        if (retryAt !== null) {
          end(false, `The limit of this connection is used up. Try again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s.`);
          continue;
        }
        if (session === null || !session.isUsable) session = await provider.open(connection.settings);
        const outcome = await withinLimit(session.send([rendered]));
        if (outcome === null) {
          silences += 1;
          session.close();
          session = null;
          end(false, NO_ANSWER);
        } else {
          silences = 0;
          const { ok, reply } = describeOutcome(outcome);
          end(ok, reply);
        }
      } catch (error) {
        end(false, error instanceof SessionError ? (error.reply?.text ?? error.message) : (error as Error).message);
      }
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
  /** Whether mail cannot be sent over it; a refused recipient or a busy server says nothing against it. */
  readonly isBroken: boolean;
}

const causes = {
  tls: 'TLS failed: check the Secure setting and the certificate.',
  login: 'Authentication failed: wrong key or credentials.',
  sender: 'Sender not verified: the server does not accept this from address.',
  recipient: 'The server refused the recipient.',
  message: 'The server refused the mail.',
} as const;

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
    if (error.stage !== 'connect') return { ok: false, stage: error.stage, message: causes[error.stage], reply, isBroken: true };
    return { ok: false, stage: 'connect', message: connectCause(error), reply, isBroken: true };
  }
  const bytes = Buffer.from(
    `From: <${mail.from}>\r\nTo: <${mail.to}>\r\nSubject: ${encodeHeader(`Test of a connection of ${mail.organization}`)}\r\nDate: ${encodeDate(now)}\r\n` +
    `Message-ID: <test-${now}@${mail.from.split('@')[1] ?? 'localhost'}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis connection works.\r\n`,
    'latin1',
  );
  const outcome = await withinLimit(session.send([{ from: mail.from, to: mail.to, bytes }]));
  session.close();
  if (outcome === null) return { ok: false, stage: 'message', message: NO_ANSWER, reply: null, isBroken: true };
  if (outcome?.kind === 'sent') return { ok: true, stage: 'done', message: 'The connection works.', reply: outcome.reply, isBroken: false };
  if (outcome?.kind !== 'refused') return { ok: false, stage: 'message', message: 'The server closed the connection without an answer.', reply: null, isBroken: true };
  const { stage, reply } = outcome;
  if (classify(stage, reply) === 'later') return { ok: false, stage, message: 'Rate limited: the server asks to try again later.', reply: reply.text, isBroken: false };
  return { ok: false, stage, message: causes[stage], reply: reply.text, isBroken: stage === 'login' || stage === 'sender' };
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
