import { classify, retryDelayMs } from '#domain/delivery/reply.ts';
import type { Container } from '../container.ts';
import { createAddressHash } from '../customers/erasure.ts';
import { Governor } from '../mail/governor.ts';
import { SessionError, type Outcome } from '../mail/providers/provider.ts';
import type { Providers } from '../mail/providers/registry.ts';
import { loadConnection } from '../mail/source.ts';
import { createTrackingIds } from '../mail/tracking-id.ts';
import type { Tenant } from '../tenancy/registry.ts';
import { publicUrl } from '../tenancy/tracking-hosts.ts';
import { confirmationMail } from './confirmation.ts';

/** Longer than a connection's troubles usually last; after that nobody waits for the mail any more. */
const GIVE_UP_MS = 86_400_000;
const LONGEST_WAIT_MS = 3_600_000;

/** The intent of one attempt, committed before anything leaves. */
interface Intent {
  readonly no: number; readonly attempt: number; readonly ageMs: number; readonly emailKey: string; readonly email: string;
  readonly connectionId: string | null; readonly subject: string | null; readonly text: string | null; readonly fromName: string | null; readonly fromEmail: string | null;
}

/** What became of an attempt; `waits`: a definite "not sent" that may go later, after the usual wait unless another is known. */
interface Ended {
  readonly state: 'sent' | 'failed' | 'skipped' | 'in_doubt' | 'waits';
  readonly reply: string;
  readonly retryInMs?: number;
}

/**
 * One attempt to send the link of a sign-up. An attempt that finds another's intent neither sent nor refused leaves it in
 * doubt: the server may have taken it, and nobody gets the mail twice.
 * @returns when to try again, in ms; null when there is nothing more to do
 */
export async function sendConfirmation(container: Pick<Container, 'config' | 'secrets' | 'clock'>, providers: Providers, tenant: Tenant, no: number): Promise<number | null> {
  const { sql } = tenant;
  const intent = await sql.first<Intent>(INTEND, [no]);
  if (intent === undefined) {
    await sql.run(`update sign_up set mail_state = 'in_doubt', mail_reply = 'The sending was interrupted; the mail may have gone out.' where no = $1 and mail_state = 'sending'`, [no]);
    return null;
  }
  const ended = await attempt(container, providers, tenant, intent);
  const wait = ended.state === 'waits' ? waitOf(intent, ended.retryInMs) : null;
  const state = ended.state === 'waits' ? (wait === null ? 'failed' : 'queued') : ended.state;
  // An attempt that was given up for dead and answers late still says what it knows.
  await sql.run(`update sign_up set mail_state = $3, mail_reply = $4 where no = $1 and mail_attempt = $2 and mail_state in ('sending', 'in_doubt')`, [no, intent.attempt, state, ended.reply]);
  return wait;
}

function waitOf({ attempt: nth, ageMs }: Intent, known: number | undefined): number | null {
  const wait = Math.min(known ?? retryDelayMs(nth) ?? LONGEST_WAIT_MS, LONGEST_WAIT_MS);
  return ageMs + wait > GIVE_UP_MS ? null : wait;
}

async function attempt({ config, secrets, clock }: Pick<Container, 'config' | 'secrets' | 'clock'>, providers: Providers, tenant: Tenant, intent: Intent): Promise<Ended> {
  if (intent.subject === null || intent.text === null) return { state: 'failed', reply: 'The form was deleted.' };
  // A worker that was away for days, a restored backup: nobody expects the mail any more.
  if (intent.ageMs > GIVE_UP_MS) return { state: 'failed', reply: 'It could not be sent within a day.' };
  const reasons = await tenant.sql.rows<{ reason: string }>(REASONS, [intent.emailKey, createAddressHash(secrets)(intent.emailKey)]);
  const blocked = reasons.find(({ reason }) => reason !== 'unsubscribed');
  if (blocked !== undefined) return { state: 'skipped', reply: `The address is suppressed (${blocked.reason}).` };
  const connection = intent.connectionId === null ? undefined : await loadConnection(tenant, secrets, intent.connectionId);
  if (connection === undefined || !connection.enabled || intent.fromEmail === null) return { state: 'waits', reply: 'No connection could send it: the form has none, or it is disabled or without a From Email.' };
  const { org } = tenant;
  const ids = createTrackingIds(secrets).mint({ orgNo: org.no, mailNo: 0, ordinal: intent.no }, [{ kind: 'signUp', link: 0 }, { kind: 'messageId', link: 0 }]);
  const mail = confirmationMail({
    fromName: intent.fromName ?? '', fromEmail: intent.fromEmail, to: deliverable(intent), subject: intent.subject, text: intent.text,
    confirmUrl: `${publicUrl(org, config.FERMATA_BASE_URL)}/f/confirm/${ids[0]!}`, messageId: `${ids[1]!}@${intent.fromEmail.slice(intent.fromEmail.indexOf('@') + 1)}`,
  }, clock.now());
  const limits = new Governor({ sql: tenant.sql, connectionNo: connection.no, mailNo: null, zone: org.timezone });
  try {
    const session = await providers.get(connection.vendor).open(connection.settings);
    try {
      // With the session open, for what is granted is good for a mail now.
      const { retryAt } = await limits.take(1);
      if (retryAt !== null) return { state: 'waits', reply: 'The limits of the connection are used up.', retryInMs: Math.max(1_000, retryAt - clock.now()) };
      const [outcome] = await session.send([mail]);
      return endOf(outcome);
    } finally {
      session.close();
      await limits.close();
    }
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return { state: 'waits', reply: error.reply?.text ?? error.message };
  }
}

function endOf(outcome: Outcome | undefined): Ended {
  if (outcome === undefined) return { state: 'in_doubt', reply: 'no answer' };
  switch (outcome.kind) {
    case 'sent': return { state: 'sent', reply: outcome.reply };
    case 'unknown': return { state: 'in_doubt', reply: outcome.problem };
    case 'lost': return { state: 'waits', reply: outcome.problem };
    case 'refused': {
      const isFinal = ['hard', 'soft', 'block', 'content'].includes(classify(outcome.stage, outcome.reply));
      return { state: isFinal ? 'failed' : 'waits', reply: outcome.reply.text };
    }
  }
}

/** As she wrote it before the @, as the mail system names the domain after it. */
function deliverable({ email, emailKey }: Intent): string {
  return email.slice(0, email.lastIndexOf('@')) + emailKey.slice(emailKey.lastIndexOf('@'));
}

const INTEND = /* sql */ `
with intended as (
  update sign_up set mail_state = 'sending', mail_attempt = mail_attempt + 1
   where no = $1 and state = 'pending' and mail_state = 'queued' and expires_at > now()
  returning no, mail_attempt as attempt, (extract(epoch from now() - created_at) * 1000)::float8 as age, email, email_key, form_id
)
select i.no, i.attempt, i.age as "ageMs", i.email, i.email_key as "emailKey", f.connection_id::text as "connectionId", f.confirm_subject as subject, f.confirm_text as text,
  c.from_name as "fromName", c.from_email as "fromEmail"
from intended i left join sign_up_form f on f.id = i.form_id left join connection c on c.id = f.connection_id`;

/** All reasons why an address is suppressed, also when its owner was erased. */
const REASONS = /* sql */ `
select reason from suppression where email_key = $1
union select later->>'reason' from suppression cross join jsonb_array_elements(history) later where email_key = $1
union select reason from suppression_hash where hash = $2`;
