import type { z } from 'zod';
import type { Reply, ReplyStage } from '#domain/delivery/reply.ts';
import type { OutgoingMail } from '../content.ts';

/**
 * What became of one mail.
 * `refused` is a definite "not sent" with the server's words; `lost` a definite "not sent" without (the session broke
 * before the message was handed over); `unknown`: the server may have taken it.
 */
export type Outcome =
  | { readonly kind: 'sent'; readonly reply: string }
  | { readonly kind: 'refused'; readonly stage: ReplyStage; readonly reply: Reply }
  | { readonly kind: 'lost'; readonly problem: string }
  | { readonly kind: 'unknown'; readonly problem: string };

/** One open line to a server or service: signed in, used by one batch at a time. */
export interface Session {
  /** False once it broke or had its share of messages; then it is closed and not used again. */
  readonly isUsable: boolean;
  /** One outcome per mail, in order. Never throws. */
  send(mails: readonly OutgoingMail[]): Promise<readonly Outcome[]>;
  close(): void;
  /** Resolves when the other side has let go of it. */
  readonly ended: Promise<void>;
}

/** Why a session could not be opened. */
export class SessionError extends Error {
  readonly stage: 'connect' | 'tls' | 'login';
  readonly reply: Reply | null;
  constructor(stage: 'connect' | 'tls' | 'login', message: string, reply: Reply | null, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SessionError';
    this.stage = stage;
    this.reply = reply;
  }
}

export interface ProviderSettings {
  readonly orgId: string;
  /** The connection's fields, as `settings` of the provider describe them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly secret: { readonly password?: string } | null;
}

/** One way to hand mail over: adding a vendor is adding a file with one of these. */
export interface Provider {
  readonly name: string;
  readonly label: string;
  /** Strict schema of the connection's settings; secrets are kept apart. */
  readonly settings: z.ZodType<Record<string, unknown>>;
  readonly limits: { readonly batch: number; readonly sessions: number };
  /** @throws SessionError */
  open(settings: ProviderSettings): Promise<Session>;
}
