import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';

export interface Proxy {
  /** The address behind, through the proxy. */
  readonly url: string;
  /** Refuses and cuts every connection until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
}

/** Stands before a service, so that a test can take it away from one organization's processes and give it back. */
export async function startProxy(target: string): Promise<Proxy> {
  const behind = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(Number(behind.port), behind.hostname);
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => {
        sockets.delete(socket);
        from.destroy();
        to.destroy();
      });
    }
    from.pipe(to).pipe(from);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    async open() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}
