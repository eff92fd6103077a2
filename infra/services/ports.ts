import { createServer } from 'node:net';

/** The ports Fermata asks for first, so that addresses stay the ones people know. */
export const usualPorts = {
  app: 3000,
  smtp: 1025,
  postgres: 5432,
  elasticsearch: 9200,
  elasticsearchTransport: 9300,
  temporal: 7233,
  temporalUi: 8233,
} as const;

export type PortName = keyof typeof usualPorts;
export type Ports = Readonly<Record<PortName, number>>;

// Below the range systems take outgoing connections from (32768 on Linux), above the services people know.
const privateRange = { from: 20_000, to: 32_000 } as const;
const tries = 200;

/**
 * Chooses a port for every service, all different and free at this moment.
 * @param wanted `usual`: the known port or the next free one; `private`: free ones nobody else asks for first
 * @param isFree asks the system; replaced in tests
 * @returns the ports, and of the usual ones those that were busy
 * @throws Error when none is free in a long stretch
 */
export async function choosePorts(
  wanted: 'usual' | 'private',
  isFree: (port: number) => Promise<boolean> = isPortFree,
): Promise<{ readonly ports: Ports; readonly moved: readonly MovedPort[] }> {
  const taken = new Set<number>();
  const moved: MovedPort[] = [];
  const ports: Partial<Record<PortName, number>> = {};
  for (const name of Object.keys(usualPorts) as PortName[]) {
    const first = wanted === 'usual' ? usualPorts[name] : privateRange.from + Math.floor(Math.random() * (privateRange.to - privateRange.from));
    const port = await nextFree(first, taken, isFree);
    taken.add(port);
    ports[name] = port;
    if (wanted === 'usual' && port !== first) moved.push({ name, wanted: first, got: port });
  }
  return { ports: ports as Ports, moved };
}

export interface MovedPort {
  readonly name: PortName;
  readonly wanted: number;
  readonly got: number;
}

async function nextFree(first: number, taken: ReadonlySet<number>, isFree: (port: number) => Promise<boolean>): Promise<number> {
  for (let port = first; port < first + tries && port < 65_536; port++) {
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`No free port between ${first} and ${first + tries}.`);
}

/** Whether nothing listens on the port, neither on this machine's own address nor on all of them. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '::'));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // A machine without IPv6 answers EAFNOSUPPORT or EADDRNOTAVAIL: that says nothing about the port.
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE' && error.code !== 'EACCES'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
