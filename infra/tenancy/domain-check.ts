import { createHmac } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { request } from 'node:https';
import { isPrivateAddress } from '../private-networks.ts';
import type { Secrets } from '../secrets.ts';

/** What is asked outside. Names that do not exist, and kinds of records they do not have, are empty answers; other failures throw. */
export interface DomainLookups {
  txt(name: string): Promise<string[]>;
  cname(name: string): Promise<string[]>;
  addresses(name: string): Promise<string[]>;
  /** The beginning of what `https://host/path` answers; certificates are checked, redirects not followed. */
  https(host: string, path: string): Promise<{ readonly status: number; readonly body: string }>;
}

export interface DomainCheck {
  readonly kind: 'txt' | 'cname' | 'https';
  /** `waiting`: not tried before the others are right. */
  readonly state: 'ok' | 'failed' | 'waiting';
  /** What was found and what to do. */
  readonly message: string;
}

export const txtName = (host: string) => `_fermata.${host}`;
export const txtValue = (token: string) => `fermata=${token}`;

/** Where an installation shows that it answers for a host. */
export const proofPath = (token: string) => `/api/track/domain/${token}`;

/** What it answers there. It holds the host as the request named it: a proxy that does not pass it on is found out. */
export function proofOf(secrets: Secrets, token: string, host: string): string {
  return createHmac('sha256', secrets.derive('tracking-domain')).update(`${token}|${host.toLowerCase()}`).digest('base64url');
}

/** Whether DNS says that the host is this organization's and leads here. @param target host of the installation's own address */
export async function checkDns(lookups: DomainLookups, { host, token, target }: { readonly host: string; readonly token: string; readonly target: string }): Promise<DomainCheck[]> {
  return Promise.all([
    saying('txt', async () => {
      const found = await lookups.txt(txtName(host));
      if (found.includes(txtValue(token))) return null;
      return found.length === 0 ? `There is no TXT record at ${txtName(host)} yet. A new record may take an hour to be seen.` : `The TXT record at ${txtName(host)} says “${found[0]!.slice(0, 100)}”. Set it to the value shown.`;
    }, 'The TXT record is there.'),
    saying('cname', async () => {
      const aliases = (await lookups.cname(host)).map((name) => name.replace(/\.$/, '').toLowerCase());
      if (aliases.includes(target)) return null;
      if (aliases.length > 0) return `${host} is an alias of ${aliases[0]!}. Make it one of ${target}.`;
      // Some providers write addresses where an alias was meant.
      const [found, wanted] = await Promise.all([lookups.addresses(host), lookups.addresses(target)]);
      if (found.some((address) => wanted.includes(address))) return null;
      return found.length === 0 ? `There is no CNAME record at ${host} yet. A new record may take an hour to be seen.` : `${host} leads to ${found[0]!}, and not here. Make it an alias (CNAME) of ${target}.`;
    }, `${host} leads here.`),
  ]);
}

/** Whether links with the host reach this installation. */
export function checkHttps(lookups: DomainLookups, { host, token, proof }: { readonly host: string; readonly token: string; readonly proof: string }): Promise<DomainCheck> {
  return saying('https', async () => {
    const { status, body } = await lookups.https(host, proofPath(token));
    if (status === 200 && body.trim() === proof) return null;
    if (status === 200 && /^[\w-]{43}$/.test(body.trim())) return `This installation answers at https://${host}, but its proxy does not pass the host on. Set the Host header (or X-Forwarded-Host with FERMATA_TRUST_PROXY) to the host that was asked for.`;
    return `Something else answers at https://${host} (status ${status}). Lead the host to this installation.`;
  }, 'https works, and this installation answers.');
}

export const httpsWaits: DomainCheck = { kind: 'https', state: 'waiting', message: 'Tried once the records are right.' };

/** @param look what is wrong, or null */
async function saying(kind: DomainCheck['kind'], look: () => Promise<string | null>, good: string): Promise<DomainCheck> {
  try {
    const problem = await look();
    return problem === null ? { kind, state: 'ok', message: good } : { kind, state: 'failed', message: problem };
  } catch (error) {
    return { kind, state: 'failed', message: kind === 'https' ? httpsCause(error) : `The name server did not answer (${codeOf(error)}). Try again in a minute.` };
  }
}

const codeOf = (error: unknown) => String((error as { code?: unknown }).code ?? (error as Error).message);

function httpsCause(error: unknown): string {
  const code = codeOf(error);
  if (code === 'PRIVATE') return 'The host leads into a private network. Set FERMATA_ALLOW_PRIVATE_SMTP=true to allow that.';
  if (code === 'ECONNREFUSED') return 'Nobody answers at port 443: the proxy for this host is not running.';
  if (code === 'ETIMEDOUT' || code === 'TIMEOUT') return 'No answer within 10 seconds: a firewall or a wrong address.';
  if (/CERT|TLS|SSL|ALTNAME|EPROTO/.test(code)) return `The certificate is not valid for this host (${code}). Let the proxy get one for it.`;
  return `https could not be tried (${code}).`;
}

const DNS = { timeout: 3_000, tries: 2 } as const;
const HTTPS_MS = 10_000;
const ANSWER_BYTES = 4_096;

/** The world outside. @param allowPrivate whether hosts may lie on private networks */
export function createDomainLookups(allowPrivate: boolean): DomainLookups {
  const resolver = new Resolver(DNS);
  const addresses = async (name: string) => (await Promise.all([orNothing(resolver.resolve4(name)), orNothing(resolver.resolve6(name))])).flat();
  return {
    txt: async (name) => (await orNothing(resolver.resolveTxt(name))).map((chunks) => chunks.join('')),
    cname: (name) => orNothing(resolver.resolveCname(name)),
    addresses,
    async https(host, path) {
      const [address] = await addresses(host);
      if (address === undefined) throw Object.assign(new Error(`${host} was not found`), { code: 'ENOTFOUND' });
      if (!allowPrivate && isPrivateAddress(address)) throw Object.assign(new Error(`${host} is on a private network`), { code: 'PRIVATE' });
      return fetchFrom(address, host, path);
    },
  };
}

async function orNothing<T>(asked: Promise<T[]>): Promise<T[]> {
  try {
    return await asked;
  } catch (error) {
    if (['ENOTFOUND', 'ENODATA'].includes(codeOf(error))) return [];
    throw error;
  }
}

/** From the address that was checked, so that the name cannot lead elsewhere in between. */
function fetchFrom(address: string, host: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: address, servername: host, path, headers: { host }, signal: AbortSignal.timeout(HTTPS_MS) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        body += part;
        if (body.length > ANSWER_BYTES) answer.destroy();
      });
      answer.once('close', () => resolve({ status: answer.statusCode ?? 0, body: body.slice(0, ANSWER_BYTES) }));
      answer.once('error', () => undefined);
    });
    asked.once('error', (error) => reject(error.name === 'TimeoutError' || error.name === 'AbortError' ? Object.assign(error, { code: 'TIMEOUT' }) : error)).end();
  });
}
