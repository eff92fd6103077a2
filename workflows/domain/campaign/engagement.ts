import { offsetAt } from '../shared/time.ts';
import { createTally, type Tally } from './tally.ts';

/** What became known about a message: by a reader, by a machine that reads for her, by a mail server. */
export interface Arrival {
  readonly id: number;
  readonly type: 'opened' | 'clicked' | 'delivered' | 'bounced' | 'complained' | 'unsubscribed';
  /** Epoch ms. */
  readonly at: number;
  readonly link: number | null;
  /** Why no person did it; null: a person. */
  readonly machine: string | null;
  /** Empty: not known. */
  readonly country: string;
  readonly city: string;
  readonly client: string;
  readonly device: string;
  /** Class of a bounce, and whether the ledger counted it when the server refused. */
  readonly bounce: { readonly kind: 'hard' | 'soft' | 'block'; readonly isCounted: boolean } | null;
  /** Of an unsubscribe: whether it was the first of this message. */
  readonly isFirst: boolean;
}

/** A message as the ledger has it; times in epoch ms. */
export interface Standing {
  readonly mailNo: number;
  readonly ordinal: number;
  readonly connectionNo: number;
  readonly variant: number;
  /** Of the recipient's address; null when she is gone. */
  readonly domain: string | null;
  /** In doubt since when and why; whatever arrives about it proves that it was sent. */
  readonly doubt: { readonly at: number; readonly reason: string } | null;
  readonly openedAt: number | null;
  readonly clickedAt: number | null;
  readonly deliveredAt: number | null;
  readonly isBounced: boolean;
  readonly isComplained: boolean;
  /** Whether its connection tells of deliveries, so that an open implies one. */
  readonly reportsDeliveries: boolean;
}

/** What counted as a person's until now and was a machine's. */
export interface Recanted {
  readonly clicks: readonly Arrival[];
  /** Those among them that counted as her first open, and as her first click. */
  readonly first: { readonly open: Arrival | null; readonly click: Arrival | null };
  /** The firsts without them. */
  readonly left: { readonly openedAt: number | null; readonly clickedAt: number | null };
}

/** What is written to the ledger row. Times are new values, counts are added. */
export interface MessageChange {
  readonly mailNo: number;
  readonly ordinal: number;
  readonly openedAt: number | null;
  readonly clickedAt: number | null;
  readonly opens: number;
  readonly clicks: number;
  readonly deliveredAt: number | null;
  readonly bouncedAt: number | null;
  readonly complainedAt: number | null;
  readonly unsubscribedAt: number | null;
}

/** Counters by table, to be added to what stands there. */
export interface EngagementTallies {
  readonly mails: Tally<['mail_no', 'hour', 'connection_no', 'variant']>;
  readonly reasons: Tally<['mail_no', 'state', 'reason']>;
  readonly links: Tally<['mail_no', 'link_no']>;
  readonly clickers: Tally<['mail_no', 'link_no', 'ordinal']>;
  readonly places: Tally<['mail_no', 'country', 'city']>;
  readonly clients: Tally<['mail_no', 'client', 'device']>;
  readonly machines: Tally<['mail_no', 'reason']>;
  readonly domains: Tally<['mail_no', 'on_day', 'domain']>;
}

export function createTallies(): EngagementTallies {
  return { mails: createTally(), reasons: createTally(), links: createTally(), clickers: createTally(), places: createTally(), clients: createTally(), machines: createTally(), domains: createTally() };
}

/** All links of a mail within this are a scanner's, whatever it calls itself. */
export const BURST_MS = 5_000;

/**
 * Clicks on one message that no person made: every link of the mail within 5 s, or about the time of a click on the link
 * that nobody sees. Of a mail with a single link the first cannot be told.
 * @param clicks of one message, people's and machines', in any order
 * @param links different links the message has
 * @returns reason by id, of clicks that do not have one
 */
export function burstOf(clicks: readonly Arrival[], links: number): Map<number, string> {
  const sorted = [...clicks].sort((a, b) => a.at - b.at);
  const found = new Map<number, string>();
  const flag = (from: number, to: number, reason: string) => {
    for (const click of sorted) if (click.at >= from && click.at <= to && click.machine === null && !found.has(click.id)) found.set(click.id, reason);
  };
  for (const click of sorted) if (click.machine === 'hidden_link') flag(click.at - BURST_MS, click.at + BURST_MS, 'hidden_link');
  if (links < 2) return found;
  const times = new Map<number, number>();
  let first = 0;
  for (const last of sorted) {
    if (last.link !== null) times.set(last.link, (times.get(last.link) ?? 0) + 1);
    for (; last.at - sorted[first]!.at > BURST_MS; first += 1) {
      const { link } = sorted[first]!;
      if (link === null) continue;
      const left = times.get(link)! - 1;
      if (left === 0) times.delete(link);
      else times.set(link, left);
    }
    if (times.size >= links) flag(sorted[first]!.at, last.at, 'all_links');
  }
  return found;
}

const HOUR_MS = 3_600_000;

/**
 * Adds what arrived about one message to the counters. Repetition is the caller's to exclude; order does not matter: in
 * whatever batches the same arrivals come, they sum to the same. Each first counts in the hour, at the place and by the
 * program of the earliest of its batch. A click is also an open, as she has seen the mail.
 * @param zone the organization's, whose days the domains are counted by
 * @returns what changes in its ledger row
 */
export function tallyArrivals(tallies: EngagementTallies, message: Standing, arrived: readonly Arrival[], recanted: Recanted | null, zone: string): MessageChange {
  const { mailNo, ordinal } = message;
  const count = (column: string, at: number, n = 1) => tallies.mails.add([mailNo, Math.floor(at / HOUR_MS) * HOUR_MS, message.connectionNo, message.variant], column, n);
  const domain = (column: string, at: number, n = 1) => {
    if (message.domain !== null) tallies.domains.add([mailNo, dayOf(at, zone), message.domain], column, n);
  };
  const engaged = (what: Arrival, column: string, n: number) => {
    tallies.places.add([mailNo, what.country, what.city], column, n);
    tallies.clients.add([mailNo, what.client, what.device], column, n);
  };
  const first = (what: Arrival, type: 'opened' | 'clicked', n: 1 | -1) => {
    count(`unique_${type}`, what.at, n);
    engaged(what, `unique_${type}`, n);
    domain(type, what.at, n);
  };

  const people = arrived.filter((each) => each.machine === null && isEngagement(each));
  const change = { opens: 0, clicks: 0 };
  for (const each of arrived) {
    if (!isEngagement(each)) continue;
    if (each.machine !== null) {
      machine(each);
      continue;
    }
    count(each.type, each.at);
    engaged(each, each.type, 1);
    change[each.type === 'opened' ? 'opens' : 'clicks'] += 1;
    if (each.type === 'clicked') clickOn(each.link, 1);
  }
  for (const each of recanted?.clicks ?? []) {
    count('clicked', each.at, -1);
    engaged(each, 'clicked', -1);
    change.clicks -= 1;
    clickOn(each.link, -1);
    machine(each);
  }

  const known = recanted?.left ?? { openedAt: message.openedAt, clickedAt: message.clickedAt };
  const firstOf = (type: 'opened' | 'clicked', before: number | null, left: number | null, recantedFirst: Arrival | null) => {
    const candidates = type === 'clicked' ? people.filter((each) => each.type === 'clicked') : people;
    const earliest = candidates.reduce<Arrival | null>((least, each) => (least === null || each.at < least.at ? each : least), null);
    const now = earliest === null ? left : left === null ? earliest.at : Math.min(left, earliest.at);
    if (before === null && now !== null && earliest !== null) first(earliest, type, 1);
    if (before !== null && now === null && recantedFirst !== null) first(recantedFirst, type, -1);
    return now;
  };
  const openedAt = firstOf('opened', message.openedAt, known.openedAt, recanted?.first.open ?? null);
  const clickedAt = firstOf('clicked', message.clickedAt, known.clickedAt, recanted?.first.click ?? null);

  const earliestOf = (fits: (each: Arrival) => boolean) => arrived.filter(fits).reduce<Arrival | undefined>((least, each) => (least === undefined || each.at < least.at ? each : least), undefined);
  const of = (type: Arrival['type']) => earliestOf((each) => each.type === type);
  // Whoever does anything with a mail has got it.
  const told = earliestOf((each) => each.type === 'delivered' || (message.reportsDeliveries && each.type !== 'bounced'));
  const delivered = message.deliveredAt === null ? told : undefined;
  const bounced = message.isBounced ? undefined : of('bounced');
  const complained = message.isComplained ? undefined : of('complained');
  const left = arrived.find((each) => each.type === 'unsubscribed' && each.isFirst);
  for (const [column, what] of [['delivered', delivered], ['complained', complained], ['unsubscribed', left]] as const) {
    if (what === undefined) continue;
    count(column, what.at);
    domain(column, what.at);
  }
  if (bounced !== undefined) {
    domain('bounced', bounced.at);
    if (bounced.bounce?.isCounted !== true) {
      count('bounced', bounced.at);
      if (bounced.bounce?.kind === 'hard') count('hard_bounced', bounced.at);
      if (bounced.bounce?.kind === 'block') count('blocked', bounced.at);
    }
  }
  if (message.doubt !== null && arrived.length > 0) {
    count('in_doubt', message.doubt.at, -1);
    count('sent', message.doubt.at);
    tallies.reasons.add([mailNo, IN_DOUBT, message.doubt.reason], 'count', -1);
  }
  return {
    mailNo, ordinal, openedAt, clickedAt, ...change,
    deliveredAt: told === undefined ? message.deliveredAt : Math.min(told.at, message.deliveredAt ?? told.at), bouncedAt: bounced?.at ?? null, complainedAt: complained?.at ?? null, unsubscribedAt: left?.at ?? null,
  };

  function machine(each: Arrival): void {
    const column = each.type === 'opened' ? 'opened' : 'clicked';
    count(`machine_${column}`, each.at);
    tallies.clients.add([mailNo, each.client, each.device], `machine_${column}`, 1);
    tallies.machines.add([mailNo, each.machine ?? 'all_links'], column, 1);
    if (each.link !== null) tallies.links.add([mailNo, each.link], 'machine_clicks', 1);
  }

  function clickOn(link: number | null, n: 1 | -1): void {
    if (link === null) return;
    tallies.links.add([mailNo, link], 'clicks', n);
    tallies.clickers.add([mailNo, link, ordinal], 'clicks', n);
  }
}

/** The number of the state `in_doubt` in the ledger. */
const IN_DOUBT = 5;

function isEngagement(each: Arrival): each is Arrival & { readonly type: 'opened' | 'clicked' } {
  return each.type === 'opened' || each.type === 'clicked';
}

function dayOf(at: number, zone: string): string {
  return new Date(at + offsetAt(at, zone)).toISOString().slice(0, 10);
}
