import { answered, closedBreaker, failed, verdict, type Breaker, type BreakReason } from '#domain/delivery/breaker.ts';
import { classify, enhancedCode, type ReplyClass } from '#domain/delivery/reply.ts';
import { SessionError, type Session } from './providers/provider.ts';

/** A dying connection that is used again is a second road into doubt: idle ones do not live long. */
const IDLE_MS = 5_000;
const MAX_BACKOFF_MS = 2_000;

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
  #idle: { readonly session: Session; readonly timer: NodeJS.Timeout }[] = [];
  #breaker: Breaker = closedBreaker;
  #opening = 0;
  #live = 0;
  #probeAt = 0;
  #hasOpened = false;
  #stop: PoolStop | null = null;

  constructor(open: () => Promise<Session>) {
    this.#open = open;
  }

  /** Set once the breaker has opened; the pool gives no sessions any more. */
  get stop(): PoolStop | null {
    return this.#stop;
  }

  /** Sessions borrowed and being opened. */
  get live(): number {
    return this.#live + this.#opening;
  }

  /** Milliseconds until another session may be tried; 0 for now. */
  waitMs(now: number): number {
    if (this.#stop !== null) return MAX_BACKOFF_MS;
    const isProbing = this.#breaker.failuresInRow > 0 || !this.#hasOpened;
    if (isProbing && this.#opening > 0) return 50;
    return Math.max(0, this.#probeAt - now);
  }

  /** A session, or undefined when it could not be opened; the breaker has counted that. */
  async borrow(now: () => number): Promise<Session | undefined> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (idle.session.isUsable) {
        this.#live += 1;
        return idle.session;
      }
      idle.session.close();
    }
    this.#opening += 1;
    try {
      const session = await this.#open();
      this.#hasOpened = true;
      this.#breaker = { ...this.#breaker, failuresInRow: 0 };
      this.#live += 1;
      return session;
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      const refused = error.stage === 'login' && error.reply !== null ? classify('login', error.reply) : undefined;
      this.#fail(now(), error.message, refused);
      return undefined;
    } finally {
      this.#opening -= 1;
    }
  }

  giveBack(session: Session): void {
    this.#live -= 1;
    if (!session.isUsable) return session.close();
    const entry = { session, timer: setTimeout(() => { this.#idle = this.#idle.filter((other) => other !== entry); session.close(); }, IDLE_MS).unref() };
    this.#idle.push(entry);
  }

  /** A session broke before a message was handed over. */
  lost(now: number, problem: string): void {
    this.#fail(now, problem, undefined);
  }

  /** The server answered a mail. @param refused class of a refusal */
  answered(text: string, refused: ReplyClass | undefined): void {
    this.#breaker = answered(this.#breaker, refused === undefined ? null : enhancedCode(text));
    this.#judge(text, refused);
  }

  #fail(now: number, problem: string, refused: ReplyClass | undefined): void {
    this.#breaker = failed(this.#breaker);
    this.#probeAt = now + Math.min(MAX_BACKOFF_MS, 100 * 2 ** Math.min(10, this.#breaker.failuresInRow - 1));
    this.#judge(problem, refused);
  }

  #judge(detail: string, refused: ReplyClass | undefined): void {
    const reason = verdict(this.#breaker, refused);
    if (reason !== null && this.#stop === null) this.#stop = { reason, detail };
  }

  close(): void {
    for (const { session, timer } of this.#idle) {
      clearTimeout(timer);
      session.close();
    }
    this.#idle = [];
  }
}
