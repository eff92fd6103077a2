import { expect, test } from 'vitest';
import { createSenderDomains } from '../../infra/mail/sender-domain.ts';

/** The names of a made-up world and how often they were asked for. */
function world(records: Readonly<Record<string, readonly string[]>>, aliases: Readonly<Record<string, readonly string[]>> = {}) {
  const asked: string[] = [];
  const domains = createSenderDomains({
    txt: async (name) => { asked.push(name); if (records[name]?.[0] === 'SERVFAIL') throw Object.assign(new Error('no answer'), { code: 'ESERVFAIL' }); return [...(records[name] ?? [])]; },
    cname: async (name) => [...(aliases[name] ?? [])],
  });
  return { domains, asked };
}
const good = { 'shop.example': ['google-site-verification=1', 'v=spf1 include:sendgrid.net ~all'], '_dmarc.shop.example': ['v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example'] };

test('a domain with all three is right, and is looked up once', async () => {
  const { domains, asked } = world({ ...good, 's1._domainkey.shop.example': ['v=DKIM1; k=rsa; p=MIGf'] });
  expect(await domains.of('shop.example')).toMatchObject({ spf: { state: 'ok', record: 'v=spf1 include:sendgrid.net ~all' }, dkim: { state: 'ok', record: 's1._domainkey.shop.example' }, dmarc: { state: 'ok', message: 'There is a DMARC record (p=quarantine).' } });
  expect(await domains.problemsOf('shop.example')).toEqual([]);
  expect(asked.filter((name) => name === 'shop.example')).toHaveLength(1);
});

test.each([
  ['nothing at all', {}, 'missing', 'missing'],
  ['two SPF records', { ...good, 'shop.example': ['v=spf1 -all', 'v=spf1 include:a.example ~all'] }, 'wrong', 'ok'],
  ['everybody may send', { ...good, 'shop.example': ['v=spf1 include:a.example +all'] }, 'wrong', 'ok'],
  ['a DMARC record without a policy', { ...good, '_dmarc.shop.example': ['v=DMARC1; rua=mailto:x@shop.example'] }, 'ok', 'wrong'],
  ['a policy that only watches', { ...good, '_dmarc.shop.example': ['v=DMARC1; p=none'] }, 'ok', 'ok'],
  ['a name server that fails', { ...good, 'shop.example': ['SERVFAIL'] }, 'unknown', 'ok'],
])('%s', async (_, records, spf, dmarc) => {
  const { domains } = world(records);
  const found = await domains.of('shop.example');
  expect([found.spf.state, found.dmarc.state]).toEqual([spf, dmarc]);
  expect(await domains.problemsOf('shop.example')).toHaveLength([spf, dmarc].filter((state) => state === 'missing' || state === 'wrong').length);
});

test('the organizational domain’s DMARC record holds for those below it; a key may be an alias of the provider’s', async () => {
  const { domains } = world({ 'news.shop.example': ['v=spf1 ~all'], '_dmarc.shop.example': ['v=DMARC1;p=reject'] }, { 'k1._domainkey.news.shop.example': ['dkim.mcsv.net'] });
  expect(await domains.of('news.shop.example')).toMatchObject({ dmarc: { state: 'ok' }, dkim: { state: 'ok' } });
});

test('without a key under the usual names nothing is claimed, and nobody is warned of it', async () => {
  const { domains } = world(good);
  expect((await domains.of('shop.example')).dkim.state).toBe('unknown');
  expect(await domains.problemsOf('shop.example')).toEqual([]);
});
