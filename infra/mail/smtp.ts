import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import type { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { ReplyStage } from '#domain/delivery/reply.ts';
import type { OutgoingMail } from './content.ts';
import { SessionError, type Outcome, type Session } from './providers/provider.ts';

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: 'starttls' | 'tls' | 'none';
  readonly username: string;
  readonly password: string;
  /** Whether the host may be on a private network. */
  readonly allowPrivate: boolean;
}

/** SparkPost's advice; also what bounds the life of a session with a server that forgets. */
const MESSAGES_PER_SESSION = 100;
// Phases before DATA are short. After the final dot the default of 10 minutes stands: shortening it makes duplicates (RFC 1047).
const CONNECT_TIMEOUT_MS = 20_000;
const GREETING_TIMEOUT_MS = 20_000;

const FINAL_DOT = Buffer.from('.\r\n');

interface SmtpError extends Error {
  readonly code?: string | undefined;
  readonly command?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
}

/** Connects, secures and signs in. @throws SessionError naming the phase that failed and the server's words */
export async function openSmtpSession(options: SmtpOptions): Promise<Session> {
  const address = await resolveHost(options);
  const connection = new SMTPConnection({
    host: address,
    port: options.port,
    secure: options.secure === 'tls',
    ...(options.secure === 'starttls' ? { requireTLS: true } : {}),
    ...(options.secure === 'none' ? { ignoreTLS: true } : {}),
    servername: isIP(options.host) === 0 ? options.host : undefined,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: GREETING_TIMEOUT_MS,
  });
  const session = new SmtpSession(connection);
  await phase(connection, 'connect', (done) => connection.connect(done));
  if (options.username !== '') {
    await phase(connection, 'login', (done) => connection.login({ credentials: { user: options.username, pass: options.password } }, (error) => done(error ?? undefined)));
  }
  session.opened();
  return session;
}

function phase(connection: SMTPConnection, stage: 'connect' | 'login', run: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: SmtpError) => {
      connection.close();
      const reply = error.responseCode === undefined ? null : { code: error.responseCode, text: words(error.response) };
      const at = error.code === 'ETLS' || error.command === 'STARTTLS' ? 'tls' : stage;
      reject(new SessionError(at, error.message, reply, { cause: error }));
    };
    connection.once('error', fail);
    run((error) => {
      connection.removeListener('error', fail);
      if (error === undefined) resolve();
      else fail(error);
    });
  });
}

class SmtpSession implements Session {
  readonly #connection: SMTPConnection;
  #isOpen = true;
  #messages = 0;
  /** Ends the wait for an answer that can no longer come. */
  #onBroken: ((error: SmtpError) => void) | null = null;

  constructor(connection: SMTPConnection) {
    this.#connection = connection;
  }

  opened(): void {
    const broken = (error?: Error) => {
      this.#isOpen = false;
      this.#onBroken?.(error ?? new Error('the connection was closed'));
    };
    this.#connection.on('error', broken);
    this.#connection.once('end', () => broken());
  }

  get isUsable(): boolean {
    return this.#isOpen && this.#messages < MESSAGES_PER_SESSION;
  }

  async send(mails: readonly OutgoingMail[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const mail of mails) outcomes.push(await this.#sendOne(mail));
    return outcomes;
  }

  #sendOne(mail: OutgoingMail): Promise<Outcome> {
    this.#messages += 1;
    let handedOver = false;
    // nodemailer calls `pipe` exactly when the server has answered 354: before that nothing of the message has left.
    const message = {
      pipe(data: Readable) {
        handedOver = true;
        // Past its transform, which looks at every byte for dots and bare line ends (0.055 ms a mail): ours have neither.
        data.push(Buffer.concat([mail.bytes, FINAL_DOT]));
        data.push(null);
      },
    };
    return new Promise((resolve) => {
      let isDone = false;
      const finish = (outcome: Outcome) => {
        if (isDone) return;
        isDone = true;
        this.#onBroken = null;
        resolve(outcome);
      };
      const fail = (error: SmtpError) => {
        // Closing below announces itself; the first cause stands.
        this.#onBroken = null;
        const outcome = toOutcome(error, handedOver);
        const isRecipientRefused = outcome.kind === 'refused' && outcome.stage === 'recipient' && outcome.reply.code !== 421;
        if (!isRecipientRefused || !this.#isOpen) {
          this.close();
          return finish(outcome);
        }
        // A refused recipient leaves the session in the middle of a transaction.
        this.#onBroken = () => finish(outcome);
        this.#connection.reset((resetError) => {
          if (resetError !== null && resetError !== undefined) this.close();
          finish(outcome);
        });
      };
      this.#onBroken = fail;
      this.#connection.send({ from: mail.from, to: [mail.to], size: mail.bytes.length }, message as never, (error, info) => {
        if (error !== null && error !== undefined) fail(error);
        else finish({ kind: 'sent', reply: words(info?.response) });
      });
    });
  }

  close(): void {
    this.#isOpen = false;
    this.#connection.close();
  }
}

/** An answer with a code is a definite "not sent"; silence after the message was handed over is unknown. */
function toOutcome(error: SmtpError, handedOver: boolean): Outcome {
  if (error.responseCode !== undefined) {
    const stage: ReplyStage = handedOver ? 'message' : error.command === 'MAIL FROM' ? 'sender' : error.command === 'RCPT TO' ? 'recipient' : 'message';
    return { kind: 'refused', stage, reply: { code: error.responseCode, text: words(error.response ?? error.message) } };
  }
  if (error.code === 'EENVELOPE') return { kind: 'refused', stage: 'recipient', reply: { code: 553, text: words(error.message) } };
  return handedOver ? { kind: 'unknown', problem: words(error.message) } : { kind: 'lost', problem: words(error.message) };
}

/** A server's words for a row: one line, 300 characters at most. */
function words(text: string | undefined): string {
  return (text ?? '').replaceAll(/[\u0000-\u001F]+/g, ' ').slice(0, 300);
}

const privateNetworks = new BlockList();
for (const [network, prefix] of [['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['127.0.0.0', 8], ['169.254.0.0', 16], ['100.64.0.0', 10], ['0.0.0.0', 8], ['224.0.0.0', 3]] as const) privateNetworks.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [['::1', 128], ['::', 128], ['fc00::', 7], ['fe80::', 10], ['::ffff:0:0', 96], ['64:ff9b::', 96]] as const) privateNetworks.addSubnet(network, prefix, 'ipv6');

/** Resolves once and connects to what was checked, so that a name cannot point elsewhere in between. */
async function resolveHost(options: SmtpOptions): Promise<string> {
  if (options.allowPrivate) return options.host;
  let found: { address: string; family: number };
  try {
    found = await lookup(options.host);
  } catch (error) {
    throw new SessionError('connect', `${options.host} was not found: check the host name.`, null, { cause: error });
  }
  if (privateNetworks.check(found.address, found.family === 6 ? 'ipv6' : 'ipv4')) {
    throw new SessionError('connect', `${options.host} is on a private network. Set FERMATA_ALLOW_PRIVATE_SMTP=true to allow that.`, null);
  }
  return found.address;
}
