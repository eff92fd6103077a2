import type { RecipientState } from '#domain/campaign/recipients.ts';
import type { CampaignState } from '#domain/campaign/status.ts';
import type { TargetKind } from '#domain/campaign/targets.ts';
import type { verdicts } from './explain-views.ts';

/** A recipient's ledger row with what the slice says before her mail is begun. */
export interface MessageFacts {
  readonly state: RecipientState;
  readonly reason: string | null;
  readonly reply: string | null;
  readonly attempts: number;
  readonly connection: string | null;
  readonly variant: string | null;
  /** When it ended, else when its last attempt began. */
  readonly at: Date | null;
  readonly notBefore: Date | null;
  readonly retryAt: Date | null;
  readonly deliveredAt: Date | null;
  readonly openedAt: Date | null;
  readonly clickedAt: Date | null;
  readonly bouncedAt: Date | null;
  readonly complainedAt: Date | null;
  readonly unsubscribedAt: Date | null;
}

/** All that is known of an address and a campaign. */
export interface Facts {
  /** The organization's, in which times are told. */
  readonly zone: string;
  readonly state: CampaignState;
  readonly frozenAt: Date | null;
  readonly scheduledAt: Date | null;
  readonly customer: { readonly email: string; readonly createdAt: Date; readonly isMailable: boolean } | null;
  readonly targets: readonly { readonly kind: TargetKind; readonly name: string | null; readonly mode: 'include' | 'exclude'; readonly matches: boolean | null }[];
  readonly suppression: { readonly reason: string; readonly source: string; readonly at: Date; readonly cause: string | null; readonly note: string | null } | null;
  readonly message: MessageFacts | null;
}

export interface Answer {
  readonly verdict: (typeof verdicts)[number];
  readonly says: string[];
}

/** Why she got it or did not, in words. */
export function sayWhy(facts: Facts): Answer {
  if (facts.message !== null) return { verdict: facts.message.state, says: [...ofMessage(facts, facts.message), ...suppressed(facts)] };
  if (facts.customer === null) return { verdict: 'unknown_address', says: ['No customer has this address.', ...suppressed(facts)] };
  const today = ofToday(facts);
  if (facts.frozenAt === null) return today;
  const { frozenAt, customer, suppression } = facts;
  const frozen = `The audience was frozen on ${time(facts, frozenAt)}, and she was not in it.`;
  if (customer.createdAt > frozenAt) return { verdict: 'not_in_audience', says: [frozen, `She became a customer later, on ${time(facts, customer.createdAt)}.`] };
  if (suppression !== null && suppression.at <= frozenAt) return { verdict: 'not_in_audience', says: [frozen, 'Her address was suppressed then.', ...suppressed(facts)] };
  return { verdict: 'not_in_audience', says: [frozen, today.verdict === 'would_get' ? 'She would be in it today: what her lists and segments say of her has changed since.' : `Today: ${today.says[0]!}`, ...today.says.slice(1)] };
}

/** Whether she would be in an audience that is frozen now. */
function ofToday(facts: Facts): Answer {
  const of = (mode: 'include' | 'exclude') => facts.targets.filter((target) => target.mode === mode && target.matches === true);
  const [included, excluded] = [of('include'), of('exclude')];
  if (included.length === 0) {
    const targets = facts.targets.filter((target) => target.mode === 'include');
    return { verdict: 'not_included', says: [targets.length === 0 ? 'No list or segment is included yet.' : `She is in none of what is included: ${named(targets)}.`, ...suppressed(facts)] };
  }
  if (excluded.length > 0) return { verdict: 'excluded', says: [`She is included by ${named(included)} and excluded by ${named(excluded)}.`, ...suppressed(facts)] };
  if (!(facts.customer?.isMailable ?? false)) return { verdict: 'unmailable', says: [`She is included by ${named(included)}, but gets no mail.`, ...suppressed(facts)] };
  const when = facts.state === 'scheduled' && facts.scheduledAt !== null ? ` The audience is frozen on ${time(facts, facts.scheduledAt)}.` : '';
  return { verdict: 'would_get', says: [`She would get it: included by ${named(included)}.${when}`] };
}

function ofMessage(facts: Facts, message: MessageFacts): string[] {
  const at = message.at === null ? '' : ` on ${time(facts, message.at)}`;
  const over = message.connection === null ? '' : ` over ${message.connection}`;
  const as = message.variant === null ? '' : ` as variant ${message.variant}`;
  const reply = message.reply === null || message.reply === '' ? [] : [`The server answered: ${message.reply.replace(/\.?$/, '.')}`];
  switch (message.state) {
    case 'sent': return [`Sent${at}${over}${as}.`, ...reply, ...since(facts, message)];
    case 'failed': return [`Not sent: ${reasons[message.reason ?? ''] ?? 'it could not be sent'}. It ended${at}${over} after ${attempts(message.attempts)}.`, ...reply];
    case 'skipped': return [`Skipped${at}: ${reasons[message.reason ?? ''] ?? message.reason ?? 'it was not to be sent'}.`];
    case 'in_doubt': return [`Perhaps sent${at}${over}: the server may have taken it, but its answer was lost. It is never sent again by itself; what arrives about it settles it.`];
    case 'sending': return [`Being sent now${over}${as}.`];
    case 'pending': return [`She is in the audience, and her mail${as} has not left yet.`, ...waits(facts, message)];
  }
}

function waits(facts: Facts, { notBefore, retryAt, reply, attempts: made, connection }: MessageFacts): string[] {
  if (facts.state === 'paused') return ['The campaign is paused.'];
  if (retryAt !== null) return [`The server asked to come again later after ${attempts(made)}; the next one is due on ${time(facts, retryAt)}.`, ...(reply === null ? [] : [`It answered: ${reply.replace(/\.?$/, '.')}`])];
  if (notBefore !== null && notBefore.getTime() > Date.now()) return [`Her turn comes on ${time(facts, notBefore)}.`];
  return connection === null ? [] : [`It will leave over ${connection}.`];
}

function since(facts: Facts, message: MessageFacts): string[] {
  const happened: readonly [Date | null, string][] = [
    [message.deliveredAt, 'It was delivered'], [message.openedAt, 'She first opened it'], [message.clickedAt, 'She first clicked'], [message.bouncedAt, 'It bounced'], [message.complainedAt, 'She complained'], [message.unsubscribedAt, 'She unsubscribed'],
  ];
  return happened.flatMap(([at, what]) => (at === null ? [] : [`${what} on ${time(facts, at)}.`]));
}

function suppressed(facts: Facts): string[] {
  const { suppression } = facts;
  if (suppression === null) return [];
  const why = suppressionReasons[suppression.reason] ?? suppression.reason;
  const cause = suppression.cause === null || suppression.cause === '' ? '' : ` Cause: ${suppression.cause.replace(/\.?$/, '.')}`;
  return [`Her address is suppressed since ${time(facts, suppression.at)}: ${why}.${cause}`];
}

const reasons: Readonly<Record<string, string>> = {
  hard_bounce: 'the address is dead', blocked: 'the receiver refused the sender or the content', content: 'the receiver refused the content', render: 'her mail could not be made', temporary: 'the receiver asked to come later, five times',
  other: 'the receiver refused it', suppressed: 'her address is suppressed', unsubscribed: 'she has unsubscribed', bounced: 'her address has bounced', erased: 'she was erased', frequency_cap: 'she had got as many mails as the frequency cap allows',
  cancelled: 'the campaign was cancelled before her turn',
};

const suppressionReasons: Readonly<Record<string, string>> = {
  hard_bounce: 'mail to it bounced hard', soft_bounce: 'mail to it kept bouncing', complaint: 'she complained about mail', unsubscribed: 'she unsubscribed', manual: 'a team member suppressed it', list_import: 'it was in an imported file',
};

const attempts = (n: number) => (n === 1 ? 'one attempt' : `${n} attempts`);
const targetWords: Readonly<Record<TargetKind, readonly [named: string, gone: string]>> = {
  list: ['the list', 'a list'], segment: ['the segment', 'a segment'], failed: ['those who failed or are in doubt in', 'those who failed in a campaign'], not_opened: ['those who did not open', 'those who did not open a campaign'],
};
const named = (targets: Facts['targets']) => targets.map(({ kind, name }) => (name === null ? `${targetWords[kind][1]} that is gone` : `${targetWords[kind][0]} “${name}”`)).join(', ');

function time({ zone }: Facts, at: Date): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'long', timeStyle: 'short' }).format(at);
}
