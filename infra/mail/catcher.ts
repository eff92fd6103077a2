import { timingSafeEqual } from 'node:crypto';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { Container } from '../container.ts';
import type { Sql } from '../db/sql.ts';

/** Newest mails kept per organization. */
const KEEP = 10_000;
const MAX_SIZE = 25 * 1024 * 1024;
/** Mails of one commit: at 2,000 mails/s about a quarter of a second's worth. */
const BATCH = 500;

interface Caught {
  readonly sender: string;
  readonly recipient: string;
  readonly subject: string;
  readonly source: Buffer;
  readonly done: (error?: Error) => void;
}

interface Box {
  readonly waiting: Caught[];
  writing: boolean;
  sinceTrim: number;
}

export interface Catcher {
  /** The port it listens on. */
  readonly port: number;
  /** Takes no more, finishes what it has. */
  close(): Promise<void>;
}

/**
 * An SMTP server that keeps every mail and sends none. A login says whose it is: the organization's id
 * with its derived password; without one, or as `system`, it is mail of the installation.
 * A mail is accepted (250) only after its commit. What arrives while a commit runs shares the next one:
 * no timer, and one row or five hundred cost one flush.
 */
export async function startCatcher({ config, secrets, tenants, control, logger }: Pick<Container, 'config' | 'secrets' | 'tenants' | 'control' | 'logger'>, port = config.FERMATA_CATCHER_SMTP_PORT): Promise<Catcher> {
  const boxes = new Map<string, Box>();

  function keep(owner: string, mail: Caught): void {
    const box = boxes.get(owner) ?? { waiting: [], writing: false, sinceTrim: KEEP };
    boxes.set(owner, box);
    box.waiting.push(mail);
    if (!box.writing) void drain(owner, box);
  }

  async function drain(owner: string, box: Box): Promise<void> {
    box.writing = true;
    while (box.waiting.length > 0) {
      const batch = box.waiting.splice(0, BATCH);
      try {
        box.sinceTrim += batch.length;
        const trim = box.sinceTrim >= KEEP / 10;
        if (trim) box.sinceTrim = 0;
        if (owner === 'system') await store(control, 'system_mail', batch, trim);
        else await tenants.use(owner, ({ sql }) => store(sql, 'caught_mail', batch, trim));
        for (const mail of batch) mail.done();
      } catch (error) {
        logger.error({ err: error, org: owner }, 'caught mail was not stored');
        const temporary = Object.assign(new Error('The mail catcher cannot store mail at the moment'), { responseCode: 451 });
        for (const mail of batch) mail.done(temporary);
      }
    }
    box.writing = false;
    if (box.sinceTrim === 0) boxes.delete(owner);
  }

  const server = new SMTPServer({
    name: 'fermata-catcher',
    banner: 'Fermata mail catcher, nothing leaves this machine',
    authOptional: true,
    allowInsecureAuth: true,
    authMethods: ['PLAIN', 'LOGIN'],
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    size: MAX_SIZE,
    logger: false,
    onAuth(login, _session, callback) {
      const user = login.username ?? '';
      const expected = Buffer.from(secrets.derive('catcher', user).toString('base64url'));
      const given = Buffer.from(login.password ?? '');
      const right = /^[a-z0-9-]{1,64}$/.test(user) && given.length === expected.length && timingSafeEqual(given, expected);
      if (right) callback(null, { user });
      else callback(Object.assign(new Error('Authentication failed'), { responseCode: 535 }));
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => void (stream.sizeExceeded ? (chunks.length = 0) : chunks.push(chunk)));
      stream.on('error', (error) => callback(error));
      stream.on('end', () => {
        if (stream.sizeExceeded) return callback(Object.assign(new Error('The mail is larger than 25 MB'), { responseCode: 552 }));
        const source = Buffer.concat(chunks);
        keep(owner(session), { ...envelope(session), subject: subjectOf(source), source, done: (error) => (error === undefined ? callback(null, 'kept') : callback(error)) });
      });
    },
  });
  // A client that resets its connection is its own affair.
  server.on('error', (error) => logger.debug({ err: error }, 'catcher session ended'));
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(port, config.FERMATA_CATCHER_HOST, () => { server.server.off('error', reject); resolve(); });
  });
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function owner(session: SMTPServerSession): string {
  return typeof session.user === 'string' && session.user !== '' ? session.user : 'system';
}

function envelope(session: SMTPServerSession): { sender: string; recipient: string } {
  const { mailFrom, rcptTo } = session.envelope;
  return { sender: mailFrom === false ? '' : mailFrom.address, recipient: rcptTo.map((to) => to.address).join(', ') };
}

async function store(sql: Sql, table: 'caught_mail' | 'system_mail', batch: readonly Caught[], trim: boolean): Promise<void> {
  await sql.run(
    { name: `${table}_store`, text: `insert into ${table} (sender, recipient, subject, size_bytes, source) select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bytea[])` },
    [batch.map((m) => m.sender), batch.map((m) => m.recipient), batch.map((m) => m.subject), batch.map((m) => m.source.length), batch.map((m) => m.source)],
  );
  if (trim) await sql.run(`delete from ${table} where id <= (select id from ${table} order by id desc offset ${KEEP} limit 1)`);
}

/** The subject for the list, from the header alone: parsing whole mails at this rate costs more than keeping them. */
export function subjectOf(source: Buffer): string {
  const end = source.indexOf('\r\n\r\n');
  const header = source.toString('utf8', 0, Math.min(end < 0 ? source.length : end, 32_768)).replace(/\r\n[ \t]+/g, ' ');
  const raw = /^subject:[ \t]*(.*)$/im.exec(header)?.[1]?.trim() ?? '';
  return decodeWords(raw).replaceAll('\0', '').slice(0, 1_000);
}

/** RFC 2047 encoded words; blanks between two of them are not part of the text. */
function decodeWords(text: string): string {
  const joined = text.replace(/(\?=)\s+(?==\?)/g, '$1');
  // Neighbours of one charset and encoding are one text: a character may be split between them.
  return joined.replace(/(?:=\?[^?\s]+\?[bq]\?[^?\s]*\?=)+/gi, (words) => {
    const parts = [...words.matchAll(/=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?\s]*)\?=/gi)];
    const bytes = parts.map(([, , kind, body]) => (kind?.toLowerCase() === 'b' ? Buffer.from(body ?? '', 'base64') : quoted(body ?? '')));
    try {
      return new TextDecoder(parts[0]?.[1] ?? 'utf-8').decode(Buffer.concat(bytes));
    } catch {
      return words;
    }
  });
}

function quoted(body: string): Buffer {
  return Buffer.from(body.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1');
}
