import { EventEmitter } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SmtpSession } from '../../infra/mail/smtp-session.ts';
import { openSmtpSession } from '../../infra/mail/smtp.ts';

/** A server that answers each command from a table, by its first four letters; `body` is the answer to a whole message. */
type Script = Readonly<Record<string, string | null>>;
const accepting: Script = { EHLO: '250-x\r\n250-PIPELINING\r\n250 SIZE 10000', MAIL: '250 ok', RCPT: '250 ok', DATA: '354 go', body: '250 2.0.0 queued', RSET: '250 ok' };

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
});

/** @param script `null` closes the connection instead of answering @param splitAt answers leave in pieces of this size */
async function serve(script: Script, splitAt = 1_000) {
  const heard: string[] = [];
  server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    let inMessage = false;
    let queue = Promise.resolve();
    const say = (answer: string | null | undefined) => {
      if (answer === null) return void (queue = queue.then(() => void socket.end()));
      for (const piece of `${answer ?? '250 ok'}\r\n`.match(new RegExp(`[^]{1,${splitAt}}`, 'g')) ?? []) {
        queue = queue.then(() => new Promise((resolve) => socket.write(piece, 'utf8', () => setImmediate(resolve))));
      }
    };
    socket.setNoDelay(true).on('error', () => socket.destroy()).on('data', (chunk) => {
      text += chunk.toString();
      for (;;) {
        const mark = inMessage && !text.startsWith('.\r\n') ? '\r\n.\r\n' : '\r\n';
        const end = text.indexOf(mark);
        if (end === -1) return;
        const piece = text.slice(0, end);
        text = text.slice(end + mark.length);
        heard.push(inMessage ? 'body' : piece);
        const answer = script[inMessage ? 'body' : piece.slice(0, 4)];
        inMessage = !inMessage && piece === 'DATA' && answer?.startsWith('354') === true;
        say(answer);
      }
    });
    say('220 x ESMTP');
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const session = await openSmtpSession({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, secure: 'none', username: '', password: '', allowPrivate: true });
  const send = async (size = 100) => (await session.send([{ from: 'news@shop.example', to: 'ada@example.com', bytes: Buffer.from(`${'x'.repeat(size - 2)}\r\n`) }]))[0];
  return { session, send, heard };
}

const refused = (stage: string, code: number) => ({ kind: 'refused', stage, reply: { code } });

test.each([
  ['accepted', {}, { kind: 'sent', reply: '250 2.0.0 queued' }, true],
  ['an answer of several lines', { body: '250-one\r\n250 two' }, { kind: 'sent', reply: '250-one 250 two' }, true],
  ['a server without PIPELINING', { EHLO: '250 x' }, { kind: 'sent' }, true],
  ['recipient refused', { RCPT: '550 5.1.1 nobody', DATA: '554 no recipients' }, refused('recipient', 550), true],
  ['recipient refused, DATA taken all the same', { RCPT: '550 5.1.1 nobody' }, refused('recipient', 550), true],
  ['recipient refused without PIPELINING', { EHLO: '250 x', RCPT: '450 later' }, refused('recipient', 450), true],
  ['recipient refused, then silence', { RCPT: '550 5.1.1 nobody', DATA: null }, refused('recipient', 550), false],
  ['sender refused', { MAIL: '550 5.7.1 no', RCPT: '503 MAIL first', DATA: '503 MAIL first' }, refused('sender', 550), false],
  ['sender refused without PIPELINING', { EHLO: '250 x', MAIL: '550 5.7.1 no' }, refused('sender', 550), false],
  ['closing before the sender', { MAIL: '421 later' }, refused('sender', 421), false],
  ['DATA refused', { DATA: '451 later' }, refused('message', 451), false],
  ['message refused', { body: '554 5.7.1 spam' }, refused('message', 554), false],
  ['closing after the message', { body: '421 later' }, refused('message', 421), false],
  ['gone before 354', { DATA: null }, { kind: 'lost' }, false],
  ['gone after 354', { body: null }, { kind: 'unknown' }, false],
  ['rubbish before 354', { DATA: 'hello' }, { kind: 'lost' }, false],
  ['rubbish after 354', { body: 'hello' }, { kind: 'unknown' }, false],
])('%s', async (_name, script, outcome, isUsable) => {
  for (const splitAt of [1_000, 3]) {
    const { session, send } = await serve({ ...accepting, ...script } as Script, splitAt);
    expect(await send()).toMatchObject(outcome);
    expect(session.isUsable).toBe(isUsable);
    if (isUsable) expect(await send()).toMatchObject(outcome);
    session.close();
  }
});

test('a server may be silent for 2 minutes before 354 and for 10 after the final dot', async () => {
  const limits: number[] = [];
  const socket = Object.assign(new EventEmitter(), { write: () => true, setTimeout: (ms: number) => void limits.push(ms) });
  const session = new SmtpSession(socket as unknown as Socket, { pipelining: true, size: false, maxSizeBytes: 0 }, () => undefined);
  const say = (answer: string) => void socket.emit('data', Buffer.from(answer));
  const mail = { from: 'news@shop.example', to: 'ada@example.com', bytes: Buffer.from('x\r\n') };
  const sending = session.send([mail]);
  expect(limits).toEqual([120_000]);
  say('250 ok\r\n250 ok\r\n354 go\r\n');
  expect(limits).toEqual([120_000, 600_000]);
  say('250 queued\r\n');
  expect(await sending).toEqual([{ kind: 'sent', reply: '250 queued' }]);
  const next = session.send([mail]);
  expect(limits).toEqual([120_000, 600_000, 120_000]);
  session.broken('Timeout');
  expect(await next).toEqual([{ kind: 'lost', problem: 'Timeout' }]);
});

test('the message is written only after 354', async () => {
  const { send, heard } = await serve({ ...accepting, DATA: '554 no' });
  await send();
  expect(heard.filter((line) => !line.startsWith('EHLO'))).toEqual(['MAIL FROM:<news@shop.example> SIZE=100', 'RCPT TO:<ada@example.com>', 'DATA']);
});

test('a message larger than the server takes is refused before it is offered', async () => {
  const { send, heard, session } = await serve(accepting);
  expect(await send(10_001)).toMatchObject({ kind: 'refused', stage: 'message', reply: { code: 552, text: expect.stringContaining('5.3.4') } });
  expect(heard).toHaveLength(1);
  expect(session.isUsable).toBe(true);
});

test('words of a server come as UTF-8, also in pieces', async () => {
  const { send } = await serve({ ...accepting, body: '250 принято' }, 1);
  expect(await send()).toEqual({ kind: 'sent', reply: '250 принято' });
});
