import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';

export interface Proxy {
  /** host:port of the proxy. */
  readonly address: string;
  /** The address behind, through the proxy. */
  readonly url: string;
  /** Refuses and cuts every connection until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
  /** A partition: connections stay, nothing comes through until `thaw`. */
  freeze(): void;
  thaw(): void;
  /**
   * Cuts the connection over which the next bytes with this text are sent: before they reach the service, or when its
   * answer comes, which is then lost.
   */
  cutAt(text: string, when: 'before' | 'after'): void;
}

/** Stands before a service, so that a test can take it away from one organization's processes and give it back. */
export async function startProxy(target: string): Promise<Proxy> {
  const behind = new URL(target);
  const pairs = new Set<Pair>();
  let isFrozen = false;
  let cut: { readonly text: string; readonly when: 'before' | 'after' } | null = null;
  const server = createServer((from) => {
    const pair = new Pair(from, connect(Number(behind.port), behind.hostname), (chunk) => {
      if (cut === null || !chunk.includes(cut.text)) return null;
      const { when } = cut;
      cut = null;
      return when;
    });
    pairs.add(pair);
    from.once('close', () => pairs.delete(pair));
    if (isFrozen) pair.freeze();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  return {
    address: `127.0.0.1:${port}`,
    url: url.href.replace(/\/$/, ''),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const pair of pairs) pair.destroy();
      await closed;
    },
    async open() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    freeze() {
      isFrozen = true;
      for (const pair of pairs) pair.freeze();
    },
    thaw() {
      isFrozen = false;
      for (const pair of pairs) pair.thaw();
    },
    cutAt(text, when) {
      cut = { text, when };
    },
  };
}

/** Two sockets, each of which gets what the other receives. */
class Pair {
  readonly #from: Socket;
  readonly #to: Socket;
  #losesAnswer = false;
  #isFrozen = false;

  constructor(from: Socket, to: Socket, cutOf: (chunk: Buffer) => 'before' | 'after' | null) {
    this.#from = from;
    this.#to = to;
    for (const [socket, other] of [[from, to], [to, from]] as const) {
      socket.on('error', () => undefined).on('close', () => other.destroy());
      socket.on('drain', () => { if (!this.#isFrozen) other.resume(); });
    }
    from.on('data', (chunk: Buffer) => {
      const when = cutOf(chunk);
      if (when === 'before') return this.destroy();
      if (when === 'after') this.#losesAnswer = true;
      if (!to.write(chunk)) from.pause();
    });
    to.on('data', (chunk: Buffer) => {
      if (this.#losesAnswer) return this.destroy();
      if (!from.write(chunk)) to.pause();
    });
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#from.pause();
    this.#to.pause();
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#from.resume();
    this.#to.resume();
  }

  destroy(): void {
    this.#from.destroy();
    this.#to.destroy();
  }
}
