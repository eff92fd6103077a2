import type { Socket } from 'node:net';
import { nameIn, scriptOf, type RecipientScript, type SinkRules } from './smtp-sink-script.ts';

/** A message that was taken whole. */
export interface Taken {
  readonly sender: string;
  readonly recipient: string;
  /** When the server said 354, epoch ms. */
  readonly dataAt: number;
  /** Whether a 250 is the answer. */
  readonly isAnswered: boolean;
  readonly message: Buffer;
}

/** What a conversation needs of its server. */
export interface Server {
  readonly rules: SinkRules;
  count(what: 'logins' | 'refusedLogins' | 'mails' | 'refused'): void;
  /** How often this recipient was named, this time included. */
  attempt(recipient: string): number;
  /** Writes the message down; `then` follows when that is safe. */
  take(taken: Taken, then: () => void): void;
}

const END = Buffer.from('\r\n.\r\n');

/** One SMTP session of the scripted server: pipelined commands and a lone dot are understood, one recipient a message. */
export class Conversation {
  readonly #socket: Socket;
  readonly #server: Server;
  #pending: Buffer = Buffer.alloc(0);
  #isInData = false;
  #dataAt = 0;
  #sender = '';
  #recipient = '';
  #hasSender = false;
  #script: RecipientScript | null = null;
  #out = '';
  #idle: NodeJS.Timeout | null = null;

  constructor(socket: Socket, server: Server) {
    this.#socket = socket;
    this.#server = server;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => { if (this.#idle !== null) clearTimeout(this.#idle); });
    const { greeting } = server.rules;
    if (greeting === 'drop') socket.destroy();
    else if (greeting === 'busy') socket.end('421 4.3.2 too many sessions\r\n');
    else if (greeting === 'ok') socket.write('220 sink ESMTP\r\n');
  }

  #read(chunk: Buffer): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    let buffer = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (buffer.length > 0) {
      if (this.#isInData) {
        // A lone dot is a message of nothing.
        const isEmpty = buffer.length >= 3 && buffer[0] === 46 && buffer[1] === 13 && buffer[2] === 10;
        const end = isEmpty ? -2 : buffer.indexOf(END);
        if (end === -1) break;
        this.#isInData = false;
        this.#take(buffer.subarray(0, Math.max(0, end)));
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
    if (this.#out !== '') this.#answer(this.#out);
    this.#out = '';
  }

  #answer(text: string): void {
    this.#socket.write(text, 'latin1');
    const { idleCloseMs } = this.#server.rules;
    if (idleCloseMs > 0) this.#closeWhenIdle(idleCloseMs);
  }

  /** Whatever comes before is still taken. */
  #closeWhenIdle(ms: number): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#socket.end(), ms);
  }

  #command(line: string): void {
    switch (line.slice(0, 4).toUpperCase()) {
      case 'EHLO': {
        const { pipelining, sizeBytes, passwords } = this.#server.rules;
        this.#out += `250-sink\r\n${pipelining ? '250-PIPELINING\r\n' : ''}250-8BITMIME\r\n${passwords.length === 0 ? '' : '250-AUTH PLAIN\r\n'}250 SIZE ${sizeBytes}\r\n`;
        return;
      }
      case 'AUTH': return this.#login(line);
      case 'MAIL': return this.#from(line);
      case 'RCPT': return this.#to(line);
      case 'DATA': return this.#data();
      case 'QUIT': this.#send(); this.#socket.end('221 bye\r\n'); return;
      case 'STAR': this.#out += '502 5.5.1 no TLS here\r\n'; return;
      default: this.#out += '250 ok\r\n';
    }
  }

  #login(line: string): void {
    const { login, passwords } = this.#server.rules;
    const given = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString().split('\0')[2] ?? '';
    const isWelcome = login === 'ok' && passwords.includes(given);
    this.#server.count(isWelcome ? 'logins' : 'refusedLogins');
    this.#out += isWelcome ? '235 2.7.0 welcome\r\n' : login === 'later' ? '454 4.7.0 later\r\n' : '535 5.7.8 wrong password\r\n';
  }

  #from(line: string): void {
    this.#server.count('mails');
    this.#sender = between(line);
    this.#script = null;
    const own = nameIn(this.#sender);
    const rule = own === 'mail421' ? '421' : own === 'mail550' ? '550' : this.#server.rules.sender;
    this.#hasSender = rule === 'ok';
    if (rule === 'hang') return;
    this.#out += rule === '421' ? '421 4.3.2 try later\r\n' : rule === '550' ? '550 5.7.1 sender refused\r\n' : '250 ok\r\n';
  }

  #to(line: string): void {
    if (!this.#hasSender) {
      this.#out += '503 5.5.1 MAIL first\r\n';
      return;
    }
    this.#recipient = between(line);
    const script = scriptOf(this.#server.rules.everybody ?? nameIn(this.#recipient), this.#server.attempt(this.#recipient));
    const isRefused = script.kind === 'refuse' && script.at === 'recipient';
    this.#script = isRefused ? null : script;
    if (isRefused) this.#server.count('refused');
    this.#out += isRefused ? `${script.answer}\r\n` : '250 ok\r\n';
    if (isRefused && script.answer.startsWith('421')) this.#end();
  }

  #data(): void {
    if (this.#script === null) this.#out += '554 5.5.1 no valid recipients\r\n';
    else if (this.#script.kind === 'drop') this.#socket.destroy();
    else {
      this.#isInData = true;
      this.#dataAt = Date.now();
      this.#out += '354 go\r\n';
    }
  }

  #take(message: Buffer): void {
    const script = this.#script;
    this.#script = null;
    if (script === null || script.kind === 'drop') return;
    if (script.kind === 'refuse' || message.length > this.#server.rules.sizeBytes) {
      this.#server.count('refused');
      const answer = script.kind === 'refuse' ? script.answer : '552 5.3.4 message too big';
      this.#out += `${answer}\r\n`;
      if (answer.startsWith('421')) this.#end();
      return;
    }
    const isAnswered = script.then === 'answer' || script.then === 'answer-and-close';
    this.#server.take({ sender: this.#sender, recipient: this.#recipient, dataAt: this.#dataAt, isAnswered, message }, () => {
      if (script.then === 'hang') return;
      if (script.then === 'fin') this.#socket.end();
      else if (script.then === 'rst') this.#socket.resetAndDestroy();
      else if (script.afterMs > 0) setTimeout(() => this.#answer('250 2.0.0 queued\r\n'), script.afterMs);
      else this.#answer('250 2.0.0 queued\r\n');
      if (script.then === 'answer-and-close') this.#closeWhenIdle(20);
    });
  }

  /** RFC 5321 4.2: 421 closes the session. */
  #end(): void {
    this.#send();
    this.#socket.end();
  }
}

function between(line: string): string {
  return line.slice(line.indexOf('<') + 1, line.indexOf('>'));
}
