import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/**
 * A scripted SMTP server in a process of its own: the ground truth of what was sent.
 * The local part of a recipient up to its first dot chooses what happens: `rcpt550`, `rcpt450`, `data354drop`,
 * `dotdrop-fin`, `dotdrop-rst`, `dothang`, `dot451`, `dot454`, `dot550`, `slow-<ms>`, anything else is accepted; a
 * sender `mail421` or `mail550` likewise. The log has a line per message that was taken whole: recipient, whether a
 * 250 was answered, Message-ID.
 * Arguments: port (0: any), log file, password every user must give (none: no login), and the port is printed.
 */
const [port = '0', logFile = '', password = ''] = process.argv.slice(2);
let log: string[] = [];
if (logFile !== '') {
  writeFileSync(logFile, '');
  setInterval(flush, 20);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { flush(); process.exit(0); });
  process.on('message', (message) => { if (message === 'flush') { flush(); process.send?.('flushed'); } });
}
function flush(): void {
  if (log.length === 0) return;
  appendFileSync(logFile, `${log.join('\n')}\n`);
  log = [];
}

const END = Buffer.from('\r\n.\r\n');
const scriptOf = (address: string): string => /^([^.@]*)/.exec(address)?.[1] ?? '';

class Conversation {
  readonly #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  #isInData = false;
  #recipient = '';
  #hasSender = false;
  #isAccepted = false;
  #out = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.write('220 sink ESMTP\r\n');
  }

  #read(chunk: Buffer): void {
    let buffer = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (buffer.length > 0) {
      if (this.#isInData) {
        // A lone dot is a message of nothing.
        const isEmpty = buffer.length >= 3 && buffer[0] === 46 && buffer[1] === 13 && buffer[2] === 10;
        const end = isEmpty ? -2 : buffer.indexOf(END);
        if (end === -1) break;
        this.#isInData = false;
        this.#taken(buffer.subarray(0, Math.max(0, end)));
        buffer = buffer.subarray(end + END.length);
      } else {
        const end = buffer.indexOf('\r\n');
        if (end === -1) break;
        this.#command(buffer.toString('latin1', 0, end));
        buffer = buffer.subarray(end + 2);
      }
      if (this.#socket.destroyed) return;
    }
    this.#pending = buffer;
    this.#send();
  }

  #send(): void {
    if (this.#out === '') return;
    this.#socket.write(this.#out);
    this.#out = '';
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'MAIL') {
      const script = scriptOf(line.slice(line.indexOf('<') + 1));
      this.#isAccepted = false;
      this.#hasSender = script !== 'mail421' && script !== 'mail550';
      this.#out += script === 'mail421' ? '421 4.3.2 try later\r\n' : script === 'mail550' ? '550 5.7.1 sender refused\r\n' : '250 ok\r\n';
    } else if (verb === 'RCPT') {
      this.#recipient = line.slice(line.indexOf('<') + 1, line.indexOf('>'));
      const script = scriptOf(this.#recipient);
      this.#isAccepted = this.#hasSender && script !== 'rcpt550' && script !== 'rcpt450';
      this.#out += !this.#hasSender ? '503 5.5.1 MAIL first\r\n' : script === 'rcpt550' ? '550 5.1.1 no such user\r\n' : script === 'rcpt450' ? '450 4.2.1 greylisted\r\n' : '250 ok\r\n';
    } else if (verb === 'DATA') {
      if (!this.#isAccepted) this.#out += '554 5.5.1 no valid recipients\r\n';
      else if (scriptOf(this.#recipient) === 'data354drop') this.#socket.destroy();
      else {
        this.#isInData = true;
        this.#out += '354 go\r\n';
      }
    } else if (verb === 'EHLO') this.#out += `250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n${password === '' ? '' : '250-AUTH PLAIN\r\n'}250 SIZE 50000000\r\n`;
    else if (verb === 'AUTH') {
      const given = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString().split('\0')[2];
      this.#out += given === password ? '235 2.7.0 welcome\r\n' : '535 5.7.8 wrong password\r\n';
    } else if (verb === 'QUIT') this.#socket.end('221 bye\r\n');
    else this.#out += '250 ok\r\n';
  }

  #taken(message: Buffer): void {
    const script = scriptOf(this.#recipient);
    const refused = script === 'dot451' || script === 'dot454' || script === 'dot550';
    const silent = script.startsWith('dotdrop') || script === 'dothang';
    if (!refused && logFile !== '') {
      const at = message.indexOf('Message-ID: <');
      const id = at === -1 ? '' : message.toString('latin1', at + 13, message.indexOf('>', at));
      log.push(`${this.#recipient}\t${silent ? 0 : 1}\t${id}`);
    }
    if (script === 'dotdrop-fin') this.#socket.end();
    else if (script === 'dotdrop-rst') this.#socket.resetAndDestroy();
    else if (script === 'dothang') return;
    else if (refused) this.#out += script === 'dot451' ? '451 4.3.0 later\r\n' : script === 'dot454' ? '454 4.7.0 busy\r\n' : '550 5.7.1 content refused\r\n';
    else if (script.startsWith('slow-')) {
      setTimeout(() => { this.#socket.write('250 2.0.0 queued\r\n'); }, Number(script.slice(5)));
    } else this.#out += '250 2.0.0 queued\r\n';
  }
}

const server = createServer((socket) => void new Conversation(socket));
server.listen(Number(port), '127.0.0.1', 1_024, () => {
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${actual}\n`);
});
process.on('disconnect', () => { if (logFile !== '') flush(); process.exit(0); });
