import type { FaultCampaign } from './fault-campaign.ts';
import type { SinkRow } from './smtp-sink.ts';

/** What a run allows; everything else is a violation. */
export interface Allowed {
  /** People in doubt at most: sessions that were open at the faults, and those the server left without an answer. */
  readonly inDoubt: number;
  /** Addresses that may be suppressed: dead ones, and whom somebody suppressed; with when that was acknowledged, epoch ms. */
  readonly suppressed?: ReadonlyMap<string, number>;
  /** From an acknowledged pause until it was asked to go on, epoch ms. */
  readonly pauses?: readonly { readonly from: number; readonly to: number }[];
}

export interface Findings {
  readonly violations: readonly string[];
  /** Everybody in doubt, with what is known. */
  readonly doubts: readonly string[];
  readonly counts: Readonly<Record<(typeof STATES)[number], number>>;
  /** Messages the server took. */
  readonly taken: number;
}

interface Message {
  readonly ordinal: number; readonly customerId: number; readonly email: string | null; readonly state: number; readonly attempt: number; readonly reason: string | null; readonly reply: string | null;
  readonly startedAt: Date | null; readonly connectionNo: number | null; readonly variant: number | null;
}

const STATES = ['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'] as const;
/** A pause lets mail in flight finish and acts within 2 s (product.md 6.9). */
const PAUSE_MS = 2_000;
/** A claim's statement may have begun this long before it wrote its time. */
const STATEMENT_MS = 250;

/**
 * Holds a campaign that has come to its end against the invariants of reliability.md 5.3: I1 nobody lost, I2 nobody
 * twice, I3 honest doubt, I4 nobody who was suppressed before, I5 counters as the ledger, I9 no mail while paused.
 * @param rows of every server it was sent over, in any order; other campaigns' are left out by their sender
 */
export async function checkCampaign(campaign: FaultCampaign, rows: readonly SinkRow[], allowed: Allowed): Promise<Findings> {
  const { organization: { orgId, container }, mailNo, id } = campaign;
  const ledger = await container.tenants.use(orgId, async ({ sql }) => ({
    state: (await sql.first<{ state: string }>('select state from campaign where id = $1', [id]))?.state ?? 'gone',
    messages: await sql.rows<Message>(
      `select m.ordinal, m.customer_id as "customerId", c.email, m.state, m.attempt, m.reason, m.reply, m.started_at as "startedAt", m.connection_no as "connectionNo", m.variant
         from message m left join customer c on c.id = m.customer_id where m.mail_no = $1 order by m.ordinal`, [mailNo]),
    counters: await sql.rows<Counter>(
      'select connection_no as "connectionNo", variant, sum(sent)::int as sent, sum(failed)::int as failed, sum(skipped)::int as skipped, sum(in_doubt)::int as in_doubt from mail_count where mail_no = $1 group by 1, 2', [mailNo]),
    reasons: await sql.rows<{ state: number; reason: string; count: number }>('select state, reason, sum(count)::int as count from reason_count where mail_no = $1 group by 1, 2 having sum(count) <> 0', [mailNo]),
    retries: (await sql.first<{ count: number }>('select count(*)::int as count from retry where mail_no = $1', [mailNo]))?.count ?? 0,
    isOpen: (await sql.first<{ open: boolean }>('select open from mail where no = $1', [mailNo]))?.open ?? false,
    suppressed: await sql.rows<{ email: string; reason: string; cause: string | null }>('select email_key as email, reason, cause from suppression'),
  }));
  const { messages } = ledger;
  const taken = new Map<string, SinkRow[]>();
  const mine = rows.filter((row) => row.sender === campaign.sender);
  for (const row of mine) taken.set(row.recipient, [...(taken.get(row.recipient) ?? []), row]);
  const counts = countBy(messages);
  const violations = [
    ...lost(campaign, ledger.state, messages),
    ...(ledger.retries > 0 ? [`${ledger.retries} still wait for a retry`] : []),
    ...(ledger.isOpen ? ['the mail is still open'] : []),
    ...doubled(taken),
    ...dishonest(messages, taken),
    ...(counts.in_doubt > allowed.inDoubt ? [`${counts.in_doubt} in doubt, ${allowed.inDoubt} at most`] : []),
    ...forbidden(messages, taken, allowed),
    ...wronglySuppressed(campaign, ledger.suppressed, allowed),
    ...miscounted(messages, ledger.counters, ledger.reasons),
    ...(allowed.pauses ?? []).flatMap(({ from, to }) => mine.filter((row) => row.dataAt > from + PAUSE_MS && row.dataAt < to).map((row) => `${row.recipient} was sent ${row.dataAt - from} ms after the pause`)),
  ];
  return { violations, doubts: messages.filter((message) => message.state === 5).map((message) => describe(message, taken)), counts, taken: mine.length };
}

interface Counter { readonly connectionNo: number; readonly variant: number; readonly sent: number; readonly failed: number; readonly skipped: number; readonly in_doubt: number }

function describe(message: Message, taken: ReadonlyMap<string, readonly SinkRow[]>): string {
  const at = message.startedAt === null ? 'never started' : `attempt ${message.attempt} at ${message.startedAt.toISOString()}`;
  return `${message.email ?? 'erased'} (#${message.ordinal}): ${STATES[message.state]} ${message.reason ?? ''} ${message.reply ?? ''}, ${at}, at the server ${taken.get(message.email ?? '')?.length ?? 0} times`;
}

/** I1: everybody of the list is in the ledger once, in an end state. */
function lost(campaign: FaultCampaign, state: string, messages: readonly Message[]): string[] {
  const problems = ['completed', 'cancelled', 'failed'].includes(state) ? [] : [`the campaign is ${state}`];
  const known = new Set(messages.map((message) => message.email));
  // One that was cancelled before its audience was frozen has nobody to account for.
  if (state === 'cancelled' && messages.length === 0) return problems;
  if (new Set(messages.map((message) => message.customerId)).size !== messages.length) problems.push('a customer has two messages');
  if (messages.some((message, i) => message.ordinal !== i + 1)) problems.push('the ordinals have gaps');
  return [
    ...problems,
    ...campaign.people.filter((email) => !known.has(email)).map((email) => `${email} has no message`),
    ...messages.filter((message) => message.state < 2).map((message) => `${message.email} (#${message.ordinal}) is still ${STATES[message.state]}`),
  ];
}

/** I2 */
function doubled(taken: ReadonlyMap<string, readonly SinkRow[]>): string[] {
  return [...taken].filter(([, rows]) => rows.length > 1)
    .map(([recipient, rows]) => `${recipient} got it ${rows.length} times: ${rows.map((row) => `${new Date(row.at).toISOString()} ${row.isAnswered ? 'answered' : 'without answer'} ${row.messageId}`).join('; ')}`);
}

/** I3: what the server took is sent or in doubt, and whoever is sent was taken. */
function dishonest(messages: readonly Message[], taken: ReadonlyMap<string, readonly SinkRow[]>): string[] {
  const known = new Set(messages.map((message) => message.email));
  return [
    ...messages.filter((message) => taken.has(message.email ?? '') && message.state !== 2 && message.state !== 5).map((message) => `taken, but ${describe(message, taken)}`),
    ...messages.filter((message) => message.state === 2 && message.email !== null && !taken.has(message.email)).map((message) => `never arrived: ${describe(message, taken)}`),
    ...[...taken.keys()].filter((recipient) => !known.has(recipient)).map((recipient) => `${recipient} is not in the ledger`),
  ];
}

/** I4: nobody gets mail whose suppression was acknowledged before the claim. */
function forbidden(messages: readonly Message[], taken: ReadonlyMap<string, readonly SinkRow[]>, { suppressed = new Map() }: Allowed): string[] {
  return messages.filter((message) => {
    const at = suppressed.get(message.email ?? '');
    return at !== undefined && taken.has(message.email ?? '') && (message.startedAt?.getTime() ?? 0) > at + STATEMENT_MS;
  }).map((message) => `suppressed before and mailed: ${describe(message, taken)}`);
}

/** Only a dead address is suppressed by an answer, never by a policy or a full mailbox. */
function wronglySuppressed(campaign: FaultCampaign, found: readonly { readonly email: string; readonly reason: string; readonly cause: string | null }[], { suppressed = new Map() }: Allowed): string[] {
  const people = new Set(campaign.people);
  return found.filter(({ email }) => people.has(email) && !email.startsWith('rcpt550.') && !suppressed.has(email)).map(({ email, reason, cause }) => `${email} is suppressed (${reason}: ${cause ?? ''})`);
}

/** I5: counters by connection and variant, and reasons, say what the ledger says. */
function miscounted(messages: readonly Message[], counters: readonly Counter[], reasons: readonly { readonly state: number; readonly reason: string; readonly count: number }[]): string[] {
  const problems: string[] = [];
  for (const [state, name] of [[2, 'sent'], [3, 'failed'], [4, 'skipped'], [5, 'in_doubt']] as const) {
    const inLedger = messages.filter((message) => message.state === state);
    const counted = counters.reduce((sum, counter) => sum + counter[name], 0);
    if (counted !== inLedger.length) problems.push(`counted ${counted} ${name}, the ledger has ${inLedger.length}`);
    if (state === 2) {
      problems.push(...differing(tally(inLedger.map((message) => `connection ${message.connectionNo ?? 0}, variant ${message.variant ?? 0}`)), new Map(counters.filter((counter) => counter.sent !== 0).map((counter) => [`connection ${counter.connectionNo}, variant ${counter.variant}`, counter.sent])), 'sent'));
    } else {
      problems.push(...differing(tally(inLedger.map((message) => message.reason ?? '')), new Map(reasons.filter((each) => each.state === state).map((each) => [each.reason, each.count])), name));
    }
  }
  return problems;
}

function differing(ledger: ReadonlyMap<string, number>, counted: ReadonlyMap<string, number>, what: string): string[] {
  return [...new Set([...ledger.keys(), ...counted.keys()])].filter((key) => (ledger.get(key) ?? 0) !== (counted.get(key) ?? 0))
    .map((key) => `${what} (${key}): counted ${counted.get(key) ?? 0}, the ledger has ${ledger.get(key) ?? 0}`);
}

function tally(of: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of of) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
}

function countBy(messages: readonly Message[]): Findings['counts'] {
  const counts = { pending: 0, sending: 0, sent: 0, failed: 0, skipped: 0, in_doubt: 0 };
  for (const { state } of messages) counts[STATES[state] ?? 'pending'] += 1;
  return counts;
}
