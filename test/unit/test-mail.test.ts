import PostalMime from 'postal-mime';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OutgoingMail } from '../../infra/mail/content.ts';
import { SessionError, type Outcome, type Provider, type Session } from '../../infra/mail/providers/provider.ts';
import { sendTest, type TestRequest } from '../../infra/mail/test-mail.ts';
import { compile } from '../support/content.ts';

/** A server that answers as told, by address. */
function provider(answer: (mail: OutgoingMail) => Outcome | 'silence', sent: OutgoingMail[] = []): Provider {
  const session: Session = {
    isUsable: true,
    ended: Promise.resolve(),
    send: ([mail]) => {
      if (mail === undefined) return Promise.resolve([]);
      sent.push(mail);
      const outcome = answer(mail);
      return outcome === 'silence' ? new Promise(() => undefined) : Promise.resolve([outcome]);
    },
    close: () => undefined,
  };
  return { name: 'fake', label: 'Fake', limits: { batch: 1, sessions: 1 }, open: () => Promise.resolve(session) } as unknown as Provider;
}

const accepted: Outcome = { kind: 'sent', reply: '250 ok' };
const html = '<p>{Hi|Hello} {{ first_name }} ({{ email }}), {{ custom.plan | default: "none" }} <a href="https://x.shop/">Shop</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>';
const ada = { customerId: 8, isSample: false, row: { email: 'ada@customer.example', first_name: 'Ada', custom: { plan: 'pro' } } };
const request = (changes: Partial<TestRequest>): TestRequest => ({
  mails: [{ label: null, mail: compile({ subject: 'News', html }, { test: true }) }], emails: ['one@x.example'], person: ada, provider: provider(() => accepted),
  connection: { settings: {} } as never, limits: { take: (wanted) => Promise.resolve({ granted: wanted, retryAt: null }) }, ...changes,
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('every variant goes to every address, as the chosen customer, marked and untracked', async () => {
  const sent: OutgoingMail[] = [];
  const mails = ['A', 'B'].map((label) => ({ label, mail: compile({ subject: `Subject ${label}`, html }, { test: true }) }));
  const results = await sendTest(request({ mails, emails: ['one@x.example', 'two@x.example'], provider: provider(() => accepted, sent) }), 0);
  expect(results.map(({ email, variant, ok }) => `${email} ${variant} ${ok}`)).toEqual(['one@x.example A true', 'one@x.example B true', 'two@x.example A true', 'two@x.example B true']);
  expect(sent.map((mail) => mail.to)).toEqual(['one@x.example', 'one@x.example', 'two@x.example', 'two@x.example']);
  const parsed = await Promise.all(sent.map((mail) => PostalMime.parse(mail.bytes)));
  expect(parsed.map((mail) => mail.subject)).toEqual(['[TEST] Subject A', '[TEST] Subject B', '[TEST] Subject A', '[TEST] Subject B']);
  for (const mail of parsed) {
    expect(mail.html).toMatch(/(Hi|Hello) Ada \(ada@customer\.example\), pro <a href="https:\/\/x\.shop\/">/);
    expect(mail.html).not.toMatch(/\/track\/(open|click)\//);
    // Every copy shows the same choice as the preview.
    expect(mail.html).toBe(parsed[0]?.html);
  }
});

test('the sample person has the address it goes to', async () => {
  const sent: OutgoingMail[] = [];
  await sendTest(request({ person: { customerId: 0, isSample: true, row: { email: 'sample@example.com', first_name: 'Ada' } }, provider: provider(() => accepted, sent) }), 0);
  expect((await PostalMime.parse(sent[0]!.bytes)).html).toContain('Ada (one@x.example), none');
});

test('what the server says is told for each address', async () => {
  const results = await sendTest(request({
    emails: ['good@x.example', 'bad@x.example', 'broken@x.example', 'ä@x.example'],
    provider: provider((mail) => mail.to.startsWith('bad') ? { kind: 'refused', stage: 'recipient', reply: { code: 550, text: '550 5.1.1 no such user' } as never } : mail.to.startsWith('broken') ? { kind: 'lost', problem: 'The line broke.' } : accepted),
  }), 0);
  expect(results.map((result) => result.reply)).toEqual(['250 ok', '550 5.1.1 no such user', 'The line broke.', 'the address cannot be written in a mail']);
});

test('a server that cannot be reached is said for each', async () => {
  const unreachable = { ...provider(() => accepted), open: () => Promise.reject(new SessionError('login', 'Login refused.', { code: 535, text: '535 wrong password' } as never)) };
  expect((await sendTest(request({ emails: ['a@x.example', 'b@x.example'], provider: unreachable }), 0)).map((result) => result.reply)).toEqual(['535 wrong password', '535 wrong password']);
});

test('nobody waits longer than 30 s for an address, or for more than two silent ones', async () => {
  const sending = sendTest(request({ emails: Array.from({ length: 10 }, (_, i) => `a${i}@x.example`), provider: provider(() => 'silence') }), 0);
  await vi.advanceTimersByTimeAsync(60_100);
  const results = await sending;
  expect(results).toHaveLength(10);
  expect(results[1]?.reply).toMatch(/^The server did not answer within 30 s/);
  expect(results[2]?.reply).toBe('Not tried: the server did not answer for the addresses before.');
});

test('the limit of the connection holds for test mail', async () => {
  const sent: OutgoingMail[] = [];
  const take = () => Promise.resolve({ granted: 0 as const, retryAt: Date.now() + 42_000, until: Date.now() + 42_000 });
  const results = await sendTest(request({ limits: { take }, provider: provider(() => accepted, sent) }), 0);
  expect(results).toEqual([{ email: 'one@x.example', variant: null, ok: false, reply: 'The limit of this connection is used up. Try again in 42 s.' }]);
  expect(sent).toEqual([]);
});
