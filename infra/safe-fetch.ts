import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPrivateAddress } from './private-networks.ts';

/** An answer of another's server, as much of it as was wanted. */
export interface Answer {
  readonly status: number;
  /** The first bytes of it, as text. */
  readonly body: string;
}

/** Why there was no answer. `refused`: the address may not be called, and asking again changes nothing. */
export class FetchError extends Error {
  readonly kind: 'refused' | 'failed';

  constructor(kind: FetchError['kind'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'FetchError';
    this.kind = kind;
  }
}

export interface Outgoing {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For all of it, from the name's resolution to the last byte wanted. */
  readonly timeoutMs: number;
  /** Of the answer's body; the rest is not read. */
  readonly maxBytes: number;
}

export type SafeFetch = (outgoing: Outgoing) => Promise<Answer>;

type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** Of services for the public; a port that speaks another protocol is none of them. */
const PORTS = new Set(['', '80', '443', '8080', '8443']);

/**
 * Requests to addresses that users give (OWASP SSRF, reliability table). An IP literal is checked as it is written by the URL
 * parser, a name by every address it resolves to, and the connection goes to exactly what was checked, so that a name cannot
 * lead elsewhere a moment later. No redirect is followed, no cookie or proxy used, nothing decompressed.
 * @param options.allowPrivate private networks and any port too, for tests and installations that want it
 * @throws by the function it returns: FetchError
 */
export function createSafeFetch(options: { readonly allowPrivate: boolean; readonly resolve?: Resolve }): SafeFetch {
  const resolve = options.resolve ?? resolveAll;

  /** Stands for the system's resolver in `net.connect`, which takes what it is given. */
  const checkedLookup: LookupFunction = (host, { all }, done) => {
    resolve(host).then((found) => {
      if (!options.allowPrivate && found.some(({ address }) => isPrivateAddress(address))) throw new FetchError('refused', `${host} leads to a private network.`);
      const [first] = found;
      if (first === undefined) throw new FetchError('failed', `${host} was not found.`);
      if (all) done(null, [...found]);
      else done(null, first.address, first.family);
    }).catch((error: unknown) => done(error as NodeJS.ErrnoException, '', 4));
  };

  return async (outgoing) => {
    const url = readUrl(outgoing.url, options.allowPrivate);
    const body = outgoing.body === undefined ? undefined : Buffer.from(outgoing.body);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const requestOptions: RequestOptions = {
      method: outgoing.method, lookup: checkedLookup, agent: false,
      headers: { ...outgoing.headers, ...(body === undefined ? {} : { 'Content-Length': String(body.length) }), Connection: 'close', 'User-Agent': 'Fermata' },
    };
    return new Promise<Answer>((done, fail) => {
      const request = send(url, requestOptions);
      const deadline = setTimeout(() => request.destroy(new FetchError('failed', `No whole answer came within ${outgoing.timeoutMs / 1_000} s.`)), outgoing.timeoutMs);
      request.once('error', (error) => {
        clearTimeout(deadline);
        fail(error instanceof FetchError ? error : new FetchError('failed', wordsOf(error), { cause: error }));
      });
      request.once('response', (response) => {
        readBody(response, outgoing.maxBytes).then((text) => {
          clearTimeout(deadline);
          request.destroy();
          done({ status: response.statusCode ?? 0, body: text });
        }, (error: unknown) => request.destroy(error as Error));
      });
      request.end(body);
    });
  };
}

function readUrl(text: string, allowPrivate: boolean): URL {
  if (!URL.canParse(text)) throw new FetchError('refused', 'The address cannot be read.');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new FetchError('refused', 'Only http and https addresses can be called.');
  if (url.username !== '' || url.password !== '') throw new FetchError('refused', 'An address with a user name or password is not called.');
  if (allowPrivate) return url;
  if (!PORTS.has(url.port)) throw new FetchError('refused', `Port ${url.port} is not called; use 80, 443, 8080 or 8443.`);
  // The URL parser has made every spelling of an IPv4 address one: 2130706433, 0x7f.1, 0177.0.0.1.
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && isPrivateAddress(literal)) throw new FetchError('refused', `${literal} is on a private network.`);
  return url;
}

/** Reads no more than what is wanted, whatever the server goes on sending. */
async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8').replaceAll('\u0000', '');
}

function resolveAll(host: string): Promise<LookupAddress[]> {
  return new Promise((done, fail) => systemLookup(host, { all: true }, (error, found) => (error === null ? done(found) : fail(error))));
}

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: 'The host was not found.', EAI_AGAIN: 'The host was not found.', ECONNREFUSED: 'The server refused the connection.', ECONNRESET: 'The server closed the connection.',
  ETIMEDOUT: 'The server could not be reached.', EHOSTUNREACH: 'The server could not be reached.', ENETUNREACH: 'The server could not be reached.', EPIPE: 'The server closed the connection.',
};

function wordsOf(error: NodeJS.ErrnoException): string {
  // Several addresses that all failed: the first says why.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error;
  return words[first.code ?? ''] ?? first.message;
}
