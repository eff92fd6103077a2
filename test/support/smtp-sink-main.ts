import { closeSync, fdatasyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { Conversation, type Server, type Taken } from './smtp-sink-conversation.ts';
import { plainRules, type SinkRules } from './smtp-sink-script.ts';

/**
 * A scripted SMTP server in a process of its own: the ground truth of what was sent.
 * One argument, JSON of `SinkOptions`; the port is printed. Its log has a line for each message that was taken whole, in
 * their order. Asked over the process channel: `rules` (changes them), `flush`, `counts`.
 */
export interface SinkOptions {
  /** 0: any. */
  readonly port: number;
  readonly logFile: string;
  /** Whether a message is on the disk before it is answered; else lines are written each 20 ms. */
  readonly isDurable: boolean;
  /** Where whole messages are kept, by their number in the log from 1; null: nowhere. */
  readonly keepIn: string | null;
  readonly rules: Partial<SinkRules>;
}

export interface SinkCounts {
  /** Sessions now, and most of them at once. */
  readonly open: number;
  readonly peak: number;
  readonly connections: number;
  readonly logins: number;
  readonly refusedLogins: number;
  /** MAIL commands. */
  readonly mails: number;
  readonly refused: number;
}

export interface Question {
  readonly id: number;
  readonly ask: 'rules' | 'flush' | 'counts';
  readonly rules?: Partial<SinkRules>;
}

const options = JSON.parse(process.argv[2] ?? '') as SinkOptions;
const log = openSync(options.logFile, 'a');
const counts = { open: 0, peak: 0, connections: 0, logins: 0, refusedLogins: 0, mails: 0, refused: 0 };
const attempts = new Map<string, number>();
let rules: SinkRules = { ...plainRules, ...options.rules };
let lines = '';
let number = 0;
let waiting: (() => void)[] = [];

const server: Server = {
  get rules() { return rules; },
  count: (what) => { counts[what] += 1; },
  attempt(recipient) {
    const next = (attempts.get(recipient) ?? 0) + 1;
    attempts.set(recipient, next);
    return next;
  },
  take(taken, then) {
    number += 1;
    lines += lineOf(taken);
    if (options.keepIn !== null) writeFileSync(`${options.keepIn}/${number}.eml`, taken.message);
    if (!options.isDurable) return then();
    waiting.push(then);
    if (waiting.length === 1) setImmediate(flush);
  },
};

function lineOf({ recipient, isAnswered, sender, dataAt, message }: Taken): string {
  const at = message.indexOf('Message-ID: <');
  const messageId = at === -1 ? '' : message.toString('latin1', at + 13, message.indexOf('>', at));
  return `${recipient}\t${isAnswered ? 1 : 0}\t${messageId}\t${sender}\t${message.length}\t${dataAt}\t${Date.now()}\n`;
}

/** One write and one fsync for all that came meanwhile; whoever waits for it goes on. */
function flush(): void {
  if (lines !== '') writeSync(log, lines);
  lines = '';
  if (options.isDurable) fdatasyncSync(log);
  const ready = waiting;
  waiting = [];
  for (const then of ready) then();
}

function answer({ ask, rules: changed }: Question): SinkCounts | null {
  if (ask === 'rules') rules = { ...rules, ...changed };
  else if (ask === 'flush') flush();
  return ask === 'counts' ? counts : null;
}

function end(): void {
  flush();
  closeSync(log);
  process.exit(0);
}

if (!options.isDurable) setInterval(flush, 20);
process.on('message', (question: Question) => { process.send?.({ id: question.id, answer: answer(question) }); });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
process.on('disconnect', end);

const listener = createServer((socket) => {
  counts.connections += 1;
  counts.open += 1;
  counts.peak = Math.max(counts.peak, counts.open);
  socket.on('close', () => { counts.open -= 1; });
  new Conversation(socket, server);
});
listener.listen(options.port, '127.0.0.1', 1_024, () => {
  const address = listener.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});
