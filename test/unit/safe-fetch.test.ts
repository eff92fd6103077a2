import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createSafeFetch, FetchError, type Outgoing } from '../../infra/safe-fetch.ts';

const post = (url: string, more: Partial<Outgoing> = {}): Outgoing => ({ url, method: 'POST', headers: { 'X-Own': 'yes' }, body: '{"a":1}', timeoutMs: 1_000, maxBytes: 4_096, ...more });
const strict = createSafeFetch({ allowPrivate: false });
const open = createSafeFetch({ allowPrivate: true });

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server on this machine. @returns its port */
async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((done) => server.once('listening', done));
  return (server.address() as AddressInfo).port;
}

test.each([
  'http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'http://0177.0.0.1/', 'http://0/', 'http://[::1]/', 'http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/', 'http://169.254.169.254/latest/meta-data',
  'http://10.0.0.8/', 'http://192.168.1.1/', 'http://172.16.0.1/', 'http://100.64.0.1/', 'http://198.18.0.1/', 'http://[fc00::1]/', 'http://[fe80::1]/', 'http://[64:ff9b::7f00:1]/', 'http://[2002:7f00:1::]/',
])('%s is refused however it is spelled', async (url) => {
  await expect(strict(post(url))).rejects.toMatchObject({ kind: 'refused' });
});

test.each(['ftp://example.com/', 'file:///etc/passwd', 'http://user:word@example.com/', 'http://example.com:25/', 'http://example.com:6379/', 'nonsense'])('%s is no address to call', async (url) => {
  await expect(strict(post(url))).rejects.toMatchObject({ kind: 'refused' });
});

test('a name is refused when any of its addresses is private, and nothing is connected to', async () => {
  let calls = 0;
  const port = await serve((_req, res) => { calls += 1; res.end('reached'); });
  for (const found of [[{ address: '127.0.0.1', family: 4 }], [{ address: '93.184.216.34', family: 4 }, { address: '127.0.0.1', family: 4 }], [{ address: '::1', family: 6 }]]) {
    const mixed = createSafeFetch({ allowPrivate: false, resolve: () => Promise.resolve(found) });
    await expect(mixed(post('http://shop.example/'))).rejects.toMatchObject({ kind: 'refused' });
  }
  expect(port).toBeGreaterThan(0);
  expect(calls).toBe(0);
});

test('a name that leads elsewhere a moment later is asked once: what was checked is what is connected to', async () => {
  const answers = ['198.51.100.1', '127.0.0.1'];
  let asked = 0;
  const rebinding = createSafeFetch({ allowPrivate: false, resolve: () => Promise.resolve([{ address: answers[asked++] ?? '127.0.0.1', family: 4 }]) });
  // The first address is a documentation one: refused, too. The second is never asked for.
  await expect(rebinding(post('http://shop.example/'))).rejects.toMatchObject({ kind: 'refused' });
  expect(asked).toBe(1);
});

test('what is sent arrives as it is, with our headers beside the caller’s', async () => {
  let seen: { headers: Record<string, unknown>; body: string; method: string | undefined } | undefined;
  const port = await serve((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => { seen = { headers: req.headers, body, method: req.method }; res.writeHead(201).end('thanks'); });
  });
  expect(await open(post(`http://127.0.0.1:${port}/hook?x=1`))).toEqual({ status: 201, body: 'thanks' });
  expect(seen).toMatchObject({ method: 'POST', body: '{"a":1}', headers: { 'x-own': 'yes', 'user-agent': 'Fermata', 'content-length': '7' } });
});

test('no redirect is followed', async () => {
  const port = await serve((_req, res) => void res.writeHead(302, { location: 'http://169.254.169.254/' }).end());
  expect(await open(post(`http://127.0.0.1:${port}/`))).toEqual({ status: 302, body: '' });
});

test('of an answer without end only the beginning is read', async () => {
  let written = 0;
  const port = await serve((_req, res) => {
    const more = () => { while (!res.destroyed && res.write('x'.repeat(65_536))) written += 65_536; };
    res.on('drain', more);
    more();
  });
  const answer = await open(post(`http://127.0.0.1:${port}/`));
  expect(answer.body).toHaveLength(4_096);
  expect(written).toBeLessThan(50_000_000);
});

test('a server that hangs or drips is left after the time', async () => {
  const hanging = await serve(() => undefined);
  const dripping = await serve((_req, res) => { const drip = setInterval(() => res.write('.'), 100); res.once('close', () => clearInterval(drip)); });
  for (const port of [hanging, dripping]) {
    const startedAt = Date.now();
    const refusal = await open(post(`http://127.0.0.1:${port}/`)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(FetchError);
    expect(refusal).toMatchObject({ kind: 'failed', message: expect.stringContaining('1 s') });
    expect(Date.now() - startedAt).toBeLessThan(3_000);
  }
});

test('a server that is not there may be there later', async () => {
  await expect(open(post('http://127.0.0.1:1/'))).rejects.toMatchObject({ kind: 'failed', message: 'The server refused the connection.' });
  const nowhere = createSafeFetch({ allowPrivate: false, resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })) });
  await expect(nowhere(post('http://nowhere.example/'))).rejects.toMatchObject({ kind: 'failed', message: 'The host was not found.' });
});
