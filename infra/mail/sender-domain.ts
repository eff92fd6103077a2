import { LRUCache } from 'lru-cache';
import type { DomainLookups } from '../tenancy/domain-check.ts';

/** What a From domain says in DNS about the mail sent in its name. */
export interface SenderDomain {
  readonly domain: string;
  readonly spf: DomainVerdict;
  readonly dkim: DomainVerdict;
  readonly dmarc: DomainVerdict;
}

export interface DomainVerdict {
  /** `unknown`: the name server did not answer, or DNS does not tell. */
  readonly state: 'ok' | 'missing' | 'wrong' | 'unknown';
  /** What was found and what to do. */
  readonly message: string;
  readonly record: string | null;
}

export interface SenderDomains {
  /** Looked up at most every ten minutes. */
  of(domain: string): Promise<SenderDomain>;
  /** What should be mended before many are sent to, in words; nothing when DNS does not answer within 2 s. */
  problemsOf(domain: string): Promise<string[]>;
}

const KEPT_MS = 600_000;
/** A name server that did not answer is asked again sooner. */
const UNKNOWN_KEPT_MS = 30_000;
const PATIENCE_MS = 2_000;
/** Names under which providers publish their keys: DNS does not list them. */
const SELECTORS = ['default', 'dkim', 'mail', 'smtp', 'mx', 's1', 's2', 'k1', 'k2', 'k3', 'selector1', 'selector2', 'google'] as const;

export function createSenderDomains(lookups: Pick<DomainLookups, 'txt' | 'cname'>): SenderDomains {
  const kept = new LRUCache<string, Promise<SenderDomain>>({ max: 1_000, ttl: KEPT_MS });

  const of = (domain: string): Promise<SenderDomain> => {
    const known = kept.get(domain);
    if (known !== undefined) return known;
    const asked = look(lookups, domain);
    kept.set(domain, asked);
    void asked.then((found) => { if (found.spf.state === 'unknown' || found.dmarc.state === 'unknown') kept.set(domain, asked, { ttl: UNKNOWN_KEPT_MS }); });
    return asked;
  };

  return {
    of,
    async problemsOf(domain) {
      const found = await Promise.race([of(domain), new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE_MS).unref())]);
      return found === null ? [] : [found.spf, found.dmarc].filter(({ state }) => state === 'missing' || state === 'wrong').map(({ message }) => message);
    },
  };
}

async function look(lookups: Pick<DomainLookups, 'txt' | 'cname'>, domain: string): Promise<SenderDomain> {
  const [spf, dkim, dmarc] = await Promise.all([lookSpf, lookDkim, lookDmarc].map((judge) => judge(lookups, domain).catch((): DomainVerdict => ({ state: 'unknown', message: 'The name server did not answer.', record: null }))));
  return { domain, spf: spf!, dkim: dkim!, dmarc: dmarc! };
}

async function lookSpf({ txt }: Pick<DomainLookups, 'txt'>, domain: string): Promise<DomainVerdict> {
  const records = (await txt(domain)).filter((record) => /^v=spf1( |$)/i.test(record));
  const record = records[0] ?? null;
  if (record === null) return { state: 'missing', record, message: `${domain} has no SPF record: receivers cannot tell your mail from forged mail. Publish a TXT record that names your provider, like “v=spf1 include:sendgrid.net ~all”.` };
  if (records.length > 1) return { state: 'wrong', record, message: `${domain} has ${records.length} SPF records, so receivers heed none. Join them into one.` };
  if (/\s\+?all$/i.test(record)) return { state: 'wrong', record, message: `The SPF record of ${domain} lets everybody send in its name (“+all”). End it with ~all.` };
  return { state: 'ok', record, message: 'There is an SPF record.' };
}

// RFC 7489: without a record of its own the organizational domain's holds.
async function lookDmarc({ txt }: Pick<DomainLookups, 'txt'>, domain: string): Promise<DomainVerdict> {
  const parent = domain.split('.').slice(-2).join('.');
  for (const name of parent === domain ? [domain] : [domain, parent]) {
    const record = (await txt(`_dmarc.${name}`)).find((each) => /^v=DMARC1\s*;/i.test(each));
    if (record === undefined) continue;
    const policy = /;\s*p\s*=\s*(none|quarantine|reject)/i.exec(record)?.[1]?.toLowerCase();
    if (policy === undefined) return { state: 'wrong', record, message: `The DMARC record at _dmarc.${name} has no policy. Begin it with “v=DMARC1; p=none”.` };
    return { state: 'ok', record, message: policy === 'none' ? 'There is a DMARC record that only watches (p=none). When its reports look right, go on to p=quarantine.' : `There is a DMARC record (p=${policy}).` };
  }
  return { state: 'missing', record: null, message: `${domain} has no DMARC record, which large mailbox providers ask of bulk senders. Publish a TXT record at _dmarc.${domain}: “v=DMARC1; p=none; rua=mailto:dmarc@${domain}”.` };
}

async function lookDkim({ txt, cname }: Pick<DomainLookups, 'txt' | 'cname'>, domain: string): Promise<DomainVerdict> {
  const found = await Promise.all(SELECTORS.map(async (selector) => {
    const name = `${selector}._domainkey.${domain}`;
    const key = (await txt(name)).find((record) => /(^|;)\s*p\s*=\s*[A-Za-z0-9+/]/.test(record));
    return key !== undefined || (await cname(name)).length > 0 ? selector : null;
  }));
  const selector = found.find((each) => each !== null);
  if (selector !== undefined && selector !== null) return { state: 'ok', record: `${selector}._domainkey.${domain}`, message: `There is a DKIM key (${selector}).` };
  return { state: 'unknown', record: null, message: 'No DKIM key was found under the usual names. Your provider shows whether it signs with this domain, and the records to set.' };
}
