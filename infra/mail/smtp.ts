import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { isPrivateAddress } from '../private-networks.ts';
import { SessionError, type Session } from './providers/provider.ts';
import { SmtpSession, words } from './smtp-session.ts';

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: 'starttls' | 'tls' | 'none';
  readonly username: string;
  readonly password: string;
  /** Whether the host may be on a private network. */
  readonly allowPrivate: boolean;
}

// Phases before DATA are short. After the final dot the default of 10 minutes stands: shortening it makes duplicates (RFC 1047).
const CONNECT_TIMEOUT_MS = 20_000;
const GREETING_TIMEOUT_MS = 20_000;
/** A server that greets and falls silent would hold a session for 10 minutes otherwise. */
const PHASE_TIMEOUT_MS = 30_000;

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
  await phase(connection, 'connect', (done) => connection.connect(done));
  if (options.username !== '') {
    await phase(connection, 'login', (done) => connection.login({ credentials: { user: options.username, pass: options.password } }, (error) => done(error ?? undefined)));
  }
  return takeOver(connection);
}

/** From here on nodemailer only watches the socket: that it lives, and the silence the session allows. */
function takeOver(connection: SMTPConnection): Session {
  const socket = connection._socket;
  if (socket === null || socket === false) throw new SessionError('connect', 'The connection was closed.', null);
  // Not in its types: what the last EHLO announced.
  const { _supportedExtensions: extensions, _maxAllowedSize: maxSizeBytes } = connection as unknown as { readonly _supportedExtensions: readonly string[]; readonly _maxAllowedSize: number };
  socket.removeAllListeners('data');
  const session = new SmtpSession(socket, { pipelining: extensions.includes('PIPELINING'), size: extensions.includes('SIZE'), maxSizeBytes }, () => connection.close());
  connection.on('error', (error) => session.broken(error.message));
  connection.once('end', () => session.broken('the connection was closed'));
  return session;
}

function phase(connection: SMTPConnection, stage: 'connect' | 'login', run: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: SmtpError) => {
      clearTimeout(deadline);
      connection.close();
      const reply = error.responseCode === undefined ? null : { code: error.responseCode, text: words(error.response ?? '') };
      const at = error.code === 'ETLS' || error.command === 'STARTTLS' ? 'tls' : stage;
      reject(new SessionError(at, error.message, reply, { cause: error }));
    };
    const deadline = setTimeout(() => fail(new Error(`Timeout: the server did not answer within ${PHASE_TIMEOUT_MS / 1_000} s.`)), PHASE_TIMEOUT_MS);
    connection.once('error', fail);
    run((error) => {
      connection.removeListener('error', fail);
      clearTimeout(deadline);
      if (error === undefined) resolve();
      else fail(error);
    });
  });
}

/** Resolves once and connects to what was checked, so that a name cannot point elsewhere in between. */
async function resolveHost(options: SmtpOptions): Promise<string> {
  if (options.allowPrivate) return options.host;
  let found: { address: string };
  try {
    found = await lookup(options.host);
  } catch (error) {
    throw new SessionError('connect', `${options.host} was not found: check the host name.`, null, { cause: error });
  }
  if (isPrivateAddress(found.address)) {
    throw new SessionError('connect', `${options.host} is on a private network. Set FERMATA_ALLOW_PRIVATE_SMTP=true to allow that.`, null);
  }
  return found.address;
}
