import { setTimeout as sleep } from 'node:timers/promises';
import { answered, closedBreaker, failed, verdict, type Breaker, type BreakReason } from '#domain/delivery/breaker.ts';
import { classify, enhancedCode, type ReplyClass } from '#domain/delivery/reply.ts';
import { SessionError, type Session } from './providers/provider.ts';
import { REST_MS, type SessionShare } from './session-share.ts';

/** A dying connection that is used again is a second road into doubt: idle ones do not live long. */
const IDLE_MS = 5_000;
const MAX_BACKOFF_MS = 2_000;
/** So many answers in a row by which the server asks for time slow the connection down: one session at a time, with growing pauses between them. */
const BUSY_ANSWERS = 5;
/** When every session is taken one is asked for again after this. */
const FULL_MS = 10;
/** A server that never closes its side is not waited for longer. */
const LET_GO_MS = 1_000;
/** Where more mails are sent than there are shares, each has its turn for this long. */
const TURN_MS = 1_000;
/** Sessions below which a share is not worth having. 100 campaigns of 1,000 with 3 each took 3.6 times as long as one of 100,000; ticks of shares of 12 carry 4 mails, of 48 they carry 15. */
const WORTHWHILE = 48;

/** Somebody who sends over a pool's sessions. */
export interface Sender {
  readonly mailNo: number;
  /** Sessions it could use now. */
  readonly demand: number;
  /** There may be a session for it. */
  look(): void;
}

export interface PoolStop {
  readonly reason: BreakReason;
  readonly detail: string;
}

/**
 * The sessions of one connection in one process. Lanes borrow; what they give back serves the next for 5 seconds.
 * While the server cannot be reached one session at a time tries again, with growing pauses, until the breaker opens.
 */
export class SessionPool {
  readonly #open: () => Promise<Session>;
  readonly #share: SessionShare;
  #runs: readonly Sender[] = [];
  /** Sessions that are open or being opened. */
  #size = 0;
  #idle: { readonly session: Session; readonly timer: NodeJS.Timeout }[] = [];
  #breaker: Breaker = closedBreaker;
  #opening = 0;
  #probeAt = 0;
  #hasOpened = false;
  /** Answers in a row by which the server asked for time. */
  #laterInRow = 0;
  #isClosed = false;
  #stop: PoolStop | null = null;

  constructor(open: () => Promise<Session>, share: SessionShare) {
    this.#open = open;
    this.#share = share;
  }

  /** Somebody sends over this connection until `leave`. */
  join(run: Sender): void {
    this.#runs = [...this.#runs, run];
  }

  /** @returns whether nobody sends over it now: what is idle is closed soon */
  leave(run: Sender): boolean {
    this.#runs = this.#runs.filter((other) => other !== run);
    this.#tellOthers(run);
    if (this.#runs.length > 0) return false;
    setTimeout(() => { if (this.#runs.length === 0) this.#closeIdle(); }, REST_MS).unref();
    return true;
  }

  /** Sessions that are open or being opened. */
  get size(): number {
    return this.#size;
  }

  /**
   * Sessions that this run may hold now. Mails share them; where that would be fewer than `WORTHWHILE` each, they take turns, so
   * that nobody waits for another's end. Who needs no more than an even share waits for no turn: one welcome mail beside a
   * campaign leaves at once. What one whose turn it is cannot use goes to the next. Of several runs of one mail the first takes
   * what it can use: a tick costs nearly the same whatever it carries, so half-filled ones cost a fifth more a mail.
   */
  shareOf(run: Sender, now: number): number {
    const sessions = this.#isBusy ? Math.min(1, this.#share.sessions) : this.#share.sessions;
    const demands = new Map<number, number>();
    for (const each of this.#runs) demands.set(each.mailNo, (demands.get(each.mailNo) ?? 0) + each.demand);
    const mails = [...demands.keys()];
    const even = Math.floor(sessions / mails.length);
    const share = Math.max(even, Math.min(sessions, WORTHWHILE));
    const atOnce = share === 0 ? 1 : Math.floor(sessions / share);
    const start = mails.length <= atOnce ? 0 : (Math.floor(now / TURN_MS) * atOnce) % mails.length;
    const inTurn = [...mails.slice(start), ...mails.slice(0, start)];
    const isSmall = (mailNo: number) => demands.get(mailNo)! <= even;
    let left = sessions;
    for (const mailNo of [...inTurn.filter(isSmall), ...inTurn.filter((mail) => !isSmall(mail))]) {
      let mine = Math.min(share, left);
      for (const each of this.#runs) {
        if (each.mailNo !== mailNo) continue;
        const taken = Math.min(mine, each.demand);
        if (each === run) return taken;
        mine -= taken;
        left -= taken;
      }
    }
    return 0;
  }

  #tellOthers(run: Sender | null): void {
    for (const other of this.#runs) if (other !== run) other.look();
  }

  /** Set once the breaker has opened; the pool gives no sessions any more. */
  get stop(): PoolStop | null {
    return this.#stop;
  }

  get #isBusy(): boolean {
    return this.#laterInRow >= BUSY_ANSWERS;
  }

  /** Milliseconds until another session may be tried; 0 for now. */
  waitMs(now: number): number {
    if (this.#stop !== null) return MAX_BACKOFF_MS;
    if (this.#idle.length === 0 && this.#size >= this.#share.sessions) return FULL_MS;
    const isProbing = this.#breaker.failuresInRow > 0 || !this.#hasOpened || this.#isBusy;
    if (isProbing && this.#opening > 0) return 50;
    return Math.max(0, this.#probeAt - now);
  }

  /** A session, or undefined when every one is taken or it could not be opened; the breaker has counted that. */
  async borrow(now: () => number): Promise<Session | undefined> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (idle.session.isUsable) {
        return idle.session;
      }
      this.#close(idle.session);
    }
    if (this.#size >= this.#share.sessions) return undefined;
    this.#size += 1;
    this.#opening += 1;
    try {
      const session = await this.#open();
      this.#hasOpened = true;
      return session;
    } catch (error) {
      this.#size -= 1;
      if (!(error instanceof SessionError)) throw error;
      const refused = error.stage === 'login' && error.reply !== null ? classify('login', error.reply) : undefined;
      this.#fail(now(), error.message, refused);
      return undefined;
    } finally {
      this.#opening -= 1;
    }
  }

  /** Closes idle sessions above the share of this process. */
  trim(): void {
    for (let over = this.#size - this.#share.sessions; over > 0; over -= 1) {
      const idle = this.#idle.pop();
      if (idle === undefined) return;
      clearTimeout(idle.timer);
      this.#close(idle.session);
    }
  }

  giveBack(session: Session, run: Sender): void {
    // One above the share of this process is closed at once: another process waits for it.
    if (!session.isUsable || this.#isClosed || this.#size > this.#share.sessions) return this.#close(session);
    const entry = { session, timer: setTimeout(() => { this.#idle = this.#idle.filter((other) => other !== entry); this.#close(session); }, IDLE_MS).unref() };
    this.#idle.push(entry);
    this.#tellOthers(run);
  }

  /** A session broke before the server had answered. */
  lost(now: number, problem: string): void {
    this.#fail(now, problem, undefined);
  }

  /** The server answered a mail. @param refused class of a refusal */
  answered(now: number, text: string, refused: ReplyClass | undefined): void {
    this.#laterInRow = refused === 'later' ? this.#laterInRow + 1 : 0;
    if (this.#isBusy) this.#pause(now, this.#laterInRow - BUSY_ANSWERS);
    this.#breaker = answered(this.#breaker, refused === undefined ? null : enhancedCode(text));
    this.#judge(text, refused);
  }

  #fail(now: number, problem: string, refused: ReplyClass | undefined): void {
    this.#breaker = failed(this.#breaker);
    this.#pause(now, this.#breaker.failuresInRow - 1);
    this.#judge(problem, refused);
  }

  #pause(now: number, times: number): void {
    this.#probeAt = now + Math.min(MAX_BACKOFF_MS, 100 * 2 ** Math.min(10, times));
  }

  #judge(detail: string, refused: ReplyClass | undefined): void {
    const reason = verdict(this.#breaker, refused);
    if (reason !== null && this.#stop === null) this.#stop = { reason, detail };
  }

  /** Closes what is idle, and the rest as it comes back. */
  close(): void {
    this.#isClosed = true;
    this.#closeIdle();
  }

  #closeIdle(): void {
    for (const { session, timer } of this.#idle) {
      clearTimeout(timer);
      this.#close(session);
    }
    this.#idle = [];
  }

  /** It counts until the server has let go of it: another one would be one too many. */
  #close(session: Session): void {
    session.close();
    void Promise.race([session.ended, sleep(LET_GO_MS, undefined, { ref: false })]).then(() => { this.#size -= 1; });
  }
}
