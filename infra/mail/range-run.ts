import { setTimeout as sleep } from 'node:timers/promises';
import type { BreakReason } from '#domain/delivery/breaker.ts';
import { classify } from '#domain/delivery/reply.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Clock } from '../clock.ts';
import type { Sql } from '../db/sql.ts';
import { fieldsOf, type CompiledMail } from './content.ts';
import type { Governor } from './governor.ts';
import { settleRefusals, standing, takeBack, tellSent, tick, type Ended, type Hold, type Refusal } from './ledger.ts';
import type { Sender, SessionPool } from './pool.ts';
import type { Outcome, Session } from './providers/provider.ts';
import { PAGE, type Person, type Supply } from './pages.ts';
import { requeue, toRefusal } from './refusal.ts';

export interface RangeResult {
  /** The first ordinal that may still be pending; past the range when none is. */
  readonly next: number;
  readonly sent: number;
  readonly failed: number;
  readonly skipped: number;
  readonly inDoubt: number;
  readonly deferred: number;
  /** Why it ended early, or null. */
  readonly stop: RangeStop | null;
}

export type RangeStop =
  /** The mail was closed, or the worker drains. */
  | { readonly kind: 'closed' | 'draining' }
  /** The connection broke. */
  | { readonly kind: 'broken'; readonly connectionNo: number; readonly reason: BreakReason; readonly detail: string }
  /** Too many complaints or bounces. */
  | { readonly kind: 'unsafe'; readonly reason: 'complaint_rate' | 'bounce_rate'; readonly detail: string }
  /** A limit or throttle is used up until then, epoch ms on the database's clock: a worker's may be wrong. */
  | { readonly kind: 'limit'; readonly until: number };

export interface RangeRunOptions {
  readonly sql: Sql;
  readonly hold: Hold;
  /** The mail of a variant; null where there are none. */
  readonly mailOf: (variant: number | null) => CompiledMail;
  /** Fields that any variant reads. */
  readonly paths: readonly string[];
  readonly pool: SessionPool;
  readonly governor: Governor;
  readonly clock: Clock;
  /** Whose turn it is. */
  readonly supply: Supply;
  /** Called at least every 2 seconds while the run goes on. */
  readonly alive: () => void;
  /** Looks every 5 seconds or 1,000 mails whether it is still right to go on. */
  readonly watch: () => Promise<RangeStop | null>;
  readonly onOutbox: () => void;
  readonly onProblem: (problem: string, error: unknown) => void;
}

/** The index learns of sent mail by this many, or what a second brought. */
const TELL_AT = 5_000;
const REFILL_BELOW = 400;
const ALIVE_EVERY_MS = 1_000;
const WATCH_EVERY_MS = 5_000;
/** Or after so many mails: a fast range would be over before it is looked at for the first time. */
const WATCH_EVERY_MAILS = 1_000;
/** Longer than this no slot waits for a limit: the run returns and says when to come back. */
const LONGEST_WAIT_MS = 2_000;
/**
 * How long a tick waits for half of the sessions to be free. A tick costs 0.6 ms of CPU whatever it carries and 0.02 ms a
 * mail (database and worker together): of 4 mails that is 0.2 ms each, of 12 0.07, of 24 0.04.
 */
const GATHER_MS = 5;
/** A run without a session looks again whether it has its turn. */
const NO_SESSION_MS = 100;
const LOST_RETRY_DELAY_MS = 5_000;
/** How long outcomes wait for a database that went away. */
const SALVAGE_MS = 30_000;
const SALVAGE_EVERY_MS = 500;
/** So many sessions that broke before one message was handed over count as one attempt. */
const LOSSES_PER_ATTEMPT = 3;

/** A message on its way: the person and the attempt this is. */
type Flight = Person & { readonly session: Session };

/**
 * One attempt at one range. A tick writes what ended and grants as many messages as sessions are free; the next tick
 * starts when the last has returned, so many sessions hide the commit's latency.
 */
export class RangeRun implements Sender {
  readonly #o: RangeRunOptions;
  #queue: Person[] = [];
  #isPaging = false;
  #free: Session[] = [];
  #borrowed = 0;
  #borrowing = 0;
  #inFlight = 0;
  #limitedUntil = 0;
  #isWatching = false;
  #watchedAt = 0;
  #watchedMails = 0;
  #ended: Ended[] = [];
  /** Asked for by a statement that failed: it may have granted them. */
  #unsure: Person[] = [];
  #refused: { readonly refusal: Refusal; readonly flight: Flight }[] = [];
  #stop: RangeResult['stop'] = null;
  #failure: unknown;
  #wake: (() => void) | null = null;
  #wakeTimer: NodeJS.Timeout | null = null;
  #gathered: (() => void) | null = null;
  #sent: number[] = [];
  #telling: Promise<void> | null = null;
  /** Sessions that broke before a message was handed over, by its ordinal. */
  readonly #losses = new Map<number, number>();
  #counts = { sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0 };

  constructor(options: RangeRunOptions) {
    this.#o = options;
    this.#watchedAt = options.clock.now();
  }

  get mailNo(): number {
    return this.#o.hold.mailNo;
  }

  get demand(): number {
    return this.#stop !== null || this.#failure !== undefined ? this.#inFlight : this.#inFlight + this.#queue.length + (this.#o.supply.isExhausted ? 0 : PAGE);
  }

  look(): void {
    this.#signal();
  }

  /** No new intents from now on. */
  drain(): void {
    this.#stop ??= { kind: 'draining' };
    this.#signal();
  }

  async run(): Promise<RangeResult> {
    const beat = setInterval(() => {
      this.#o.alive();
      this.#tell();
      this.#watch();
    }, ALIVE_EVERY_MS);
    try {
      await this.#loop().catch((error: unknown) => { this.#failure ??= error; });
      if (this.#failure !== undefined) {
        await this.#salvage();
        throw this.#failure;
      }
    } finally {
      await this.#tellRest();
      clearInterval(beat);
      if (this.#wakeTimer !== null) clearTimeout(this.#wakeTimer);
      for (const session of this.#free) this.#o.pool.giveBack(session, this);
      await this.#o.governor.close();
    }
    const waiting = this.#queue.reduce((lowest, person) => (person.isRetry ? lowest : Math.min(lowest, person.ordinal)), this.#o.supply.next);
    return { next: waiting, ...this.#counts, stop: this.#stop };
  }

  async #loop(): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined && this.#inFlight === 0) throw this.#failure;
      if (this.#refused.length > 0) await this.#settle();
      if (this.#o.pool.stop !== null && this.#stop === null) this.#stop = { kind: 'broken', connectionNo: this.#o.hold.connectionNo, ...this.#o.pool.stop };
      const mayGrant = this.#stop === null && this.#failure === undefined;
      if (mayGrant) {
        this.#page();
        this.#borrow();
      }
      if (mayGrant && this.#isSparse()) await this.#gather();
      const room = mayGrant && this.#stop === null ? Math.min(this.#queue.length, this.#free.length) : 0;
      const wanted = this.#queue.splice(0, room === 0 ? 0 : await this.#allowed(room));
      if (wanted.length === 0 && this.#ended.length === 0) {
        const isDone = this.#stop !== null || !mayGrant || (this.#queue.length === 0 && this.#o.supply.isExhausted);
        if (this.#inFlight === 0 && this.#borrowing === 0 && this.#refused.length === 0 && !this.#isPaging && isDone) {
          if (this.#failure !== undefined) throw this.#failure;
          return;
        }
        if (this.#refused.length === 0) await this.#woken();
        continue;
      }
      await this.#tick(wanted);
    }
  }

  /**
   * The line to the database broke, or another took the range over. Waits for what is on its way and writes what became of
   * it, so that nobody comes to be in doubt whose answer is known. Whoever a statement granted whose own answer was lost has
   * not been sent anything.
   */
  async #salvage(): Promise<void> {
    while (this.#inFlight > 0 || this.#borrowing > 0) await this.#woken();
    const until = this.#o.clock.now() + SALVAGE_MS;
    for (;;) {
      try {
        await takeBack(this.#o.sql, this.#o.hold, this.#unsure);
        this.#unsure = [];
        if (this.#ended.length > 0) await this.#tick([]);
        if (this.#refused.length > 0) await this.#settle();
        return;
      } catch (error) {
        if (this.#o.clock.now() > until) return this.#o.onProblem('what became of some mails could not be written', error);
        await sleep(SALVAGE_EVERY_MS);
      }
    }
  }

  /** How many of `room` mails the limits let out now. */
  async #allowed(room: number): Promise<number> {
    const now = this.#o.clock.now();
    if (now >= this.#limitedUntil) {
      const allowance = await this.#o.governor.take(room);
      if (allowance.retryAt === null) return allowance.granted;
      if (allowance.retryAt - now > LONGEST_WAIT_MS) this.#stop ??= { kind: 'limit', until: allowance.until };
      this.#limitedUntil = allowance.retryAt;
    }
    // Timers may ring a little early: then it waits once more.
    this.#wakeIn(Math.max(1, this.#limitedUntil - this.#o.clock.now()));
    return 0;
  }

  #watch(): void {
    const now = this.#o.clock.now();
    const mails = this.#counts.sent + this.#counts.failed;
    if (this.#isWatching || (now - this.#watchedAt < WATCH_EVERY_MS && mails - this.#watchedMails < WATCH_EVERY_MAILS)) return;
    this.#isWatching = true;
    this.#watchedAt = now;
    this.#watchedMails = mails;
    void this.#o.watch().then(
      (stop) => { this.#stop ??= stop; },
      (error: unknown) => this.#o.onProblem('a run could not look whether it may go on', error),
    ).finally(() => { this.#isWatching = false; this.#signal(); });
  }

  /** Whether a tick now would carry less than one a moment later. */
  #isSparse(): boolean {
    return this.#inFlight > this.#free.length && this.#stop === null && this.#failure === undefined && this.#refused.length === 0;
  }

  #gather(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#gathered = null;
        resolve();
      };
      const timer = setTimeout(done, GATHER_MS);
      this.#gathered = done;
    });
  }

  async #tick(wanted: readonly Person[]): Promise<void> {
    const ended = this.#ended;
    this.#ended = [];
    const { granted, skipped } = await tick(this.#o.sql, this.#o.hold, ended, wanted.map((person) => person.ordinal), wanted.some((person) => person.isRetry)).catch((error: unknown) => {
      this.#ended.push(...ended);
      this.#unsure.push(...wanted);
      throw error;
    });
    this.#o.governor.putBack(wanted.length - granted.length);
    this.#counts.skipped += skipped.length;
    for (const { ordinal, state } of ended) if (state === 2) this.#sent.push(ordinal);
    if (this.#sent.length >= TELL_AT) this.#tell();
    this.#watch();
    const isGranted = new Set(granted);
    for (const person of wanted) if (isGranted.has(person.ordinal)) this.#send(person);
    if (granted.length + skipped.length < wanted.length) await this.#explain(wanted, isGranted, new Set(skipped));
  }

  /** Tells the index who was sent this mail. What a crash keeps from being told is told when the campaign ends. */
  #tell(): void {
    if (this.#telling !== null || this.#sent.length === 0) return;
    const told = this.#sent;
    this.#sent = [];
    this.#telling = tellSent(this.#o.sql, this.#o.hold.mailNo, told)
      // Told twice changes nothing, so what was told in part is told again.
      .then(() => this.#o.onOutbox(), () => void this.#sent.push(...told))
      .finally(() => { this.#telling = null; });
  }

  /** However the run ends; what cannot be told changes nothing about how it ended. */
  async #tellRest(): Promise<void> {
    await this.#telling;
    this.#tell();
    await this.#telling;
  }

  /** Rows that were not granted: the mail is closed, somebody else owns the lane, or they had ended already. */
  async #explain(wanted: readonly Person[], granted: ReadonlySet<number>, skipped: ReadonlySet<number>): Promise<void> {
    const state = await standing(this.#o.sql, this.#o.hold);
    if (state === 'fenced') this.#failure ??= new AppError('unavailable', 'This lane was given to a newer attempt.');
    if (state !== 'closed') return;
    this.#stop ??= { kind: 'closed' };
    this.#queue.push(...wanted.filter((person) => !granted.has(person.ordinal) && !skipped.has(person.ordinal)));
  }

  #send(person: Person): void {
    const session = this.#free.pop();
    if (session === undefined) throw new Error('a message was granted without a free session');
    const flight: Flight = { ...person, session };
    let mail;
    try {
      mail = this.#o.mailOf(person.variant ?? this.#o.hold.variant).render({ ordinal: person.ordinal, customerId: person.customerId, email: person.email, fields: fieldsOf(person as never, this.#o.paths) }, this.#o.clock.now());
    } catch (error) {
      this.#counts.failed += 1;
      this.#ended.push({ ordinal: person.ordinal, state: 3, reason: 'render', reply: error instanceof Error ? error.message.slice(0, 300) : 'unreadable' });
      this.#free.push(session);
      return;
    }
    this.#inFlight += 1;
    void session.send([mail]).then(
      (outcomes) => this.#land(flight, outcomes[0] ?? { kind: 'unknown', problem: 'no outcome' }),
      (error: unknown) => this.#land(flight, { kind: 'unknown', problem: String(error).slice(0, 300) }),
    ).catch((error: unknown) => { this.#failure ??= error; }).finally(() => this.#signal());
  }

  #refuse(flight: Flight, refusal: Refusal): void {
    // A retry's row in the table of retries went with its grant, so it is written again.
    const again = flight.isRetry && refusal.verdict === 'requeue' ? { ...refusal, verdict: 'retry' as const, dueInMs: LOST_RETRY_DELAY_MS } : refusal;
    this.#refused.push({ flight, refusal: again });
  }

  #land(flight: Flight, outcome: Outcome): void {
    this.#inFlight -= 1;
    const { pool } = this.#o;
    switch (outcome.kind) {
      case 'sent':
        this.#counts.sent += 1;
        pool.answered(this.#o.clock.now(), outcome.reply, undefined);
        this.#ended.push({ ordinal: flight.ordinal, state: 2, reason: null, reply: outcome.reply });
        return this.#release(flight.session);
      case 'unknown':
        pool.lost(this.#o.clock.now(), outcome.problem);
        this.#counts.inDoubt += 1;
        this.#ended.push({ ordinal: flight.ordinal, state: 5, reason: 'no_answer', reply: outcome.problem });
        return this.#release(flight.session);
      case 'lost':
        pool.lost(this.#o.clock.now(), outcome.problem);
        return this.#refuse(flight, this.#isLostAgain(flight.ordinal) ? toRefusal(flight, 'deferred', outcome.problem) : { ...requeue, ordinal: flight.ordinal, reply: outcome.problem });
      case 'refused': {
        const kind = classify(outcome.stage, outcome.reply);
        pool.answered(this.#o.clock.now(), outcome.reply.text, kind);
        this.#refuse(flight, toRefusal(flight, kind, outcome.reply.text));
      }
    }
  }

  /** Whether it cannot be the session's fault any more: a message before which every session breaks must not be tried for ever. */
  #isLostAgain(ordinal: number): boolean {
    const times = (this.#losses.get(ordinal) ?? 0) + 1;
    this.#losses.set(ordinal, times);
    return times % LOSSES_PER_ATTEMPT === 0;
  }

  /** Refusals are settled before their session is free again, so that doubts never outnumber sessions. */
  async #settle(): Promise<void> {
    const settled = this.#refused;
    this.#refused = [];
    const hasNews = await settleRefusals(this.#o.sql, this.#o.hold, settled.map((each) => each.refusal)).catch((error: unknown) => {
      this.#refused.push(...settled);
      throw error;
    });
    if (hasNews) this.#o.onOutbox();
    for (const { refusal, flight } of settled) {
      if (refusal.verdict === 'fail') this.#counts.failed += 1;
      else if (refusal.verdict === 'retry') this.#counts.deferred += 1;
      else this.#queue.push(withoutSession(flight));
      this.#release(flight.session);
    }
  }

  #release(session: Session): void {
    if (session.isUsable) this.#free.push(session);
    else {
      this.#borrowed -= 1;
      this.#o.pool.giveBack(session, this);
    }
  }

  /** Opens what is missing, without waiting for it. */
  #borrow(): void {
    const most = this.#o.pool.shareOf(this, this.#o.clock.now());
    this.#free = this.#free.filter((session) => {
      if (session.isUsable && this.#borrowed <= most) return true;
      this.#borrowed -= 1;
      this.#o.pool.giveBack(session, this);
      return false;
    });
    if (most === 0) return this.#wakeIn(NO_SESSION_MS);
    const needed = Math.min(most, this.#inFlight + this.#queue.length);
    while (this.#borrowed + this.#borrowing < needed) {
      const wait = this.#o.pool.waitMs(this.#o.clock.now());
      if (wait > 0) return this.#wakeIn(wait);
      this.#borrowing += 1;
      void this.#o.pool.borrow(() => this.#o.clock.now()).then(
        (session) => {
          if (session === undefined) return;
          this.#borrowed += 1;
          this.#free.push(session);
        },
        (error: unknown) => { this.#failure ??= error; },
      ).finally(() => { this.#borrowing -= 1; this.#signal(); });
    }
  }

  #page(): void {
    if (this.#isPaging || this.#queue.length >= REFILL_BELOW) return;
    const reading = this.#o.supply.read(this.#queue, this.#o.clock.now());
    if (reading === null) return;
    this.#isPaging = true;
    void reading.then((people) => void this.#queue.push(...people)).catch((error: unknown) => { this.#failure ??= error; }).finally(() => { this.#isPaging = false; this.#signal(); });
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => { this.#wake = resolve; });
  }

  #wakeIn(ms: number): void {
    this.#wakeTimer ??= setTimeout(() => { this.#wakeTimer = null; this.#signal(); }, ms);
  }

  #signal(): void {
    if (this.#gathered !== null && !this.#isSparse()) this.#gathered();
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function withoutSession({ session: _session, ...person }: Flight): Person {
  return person;
}
