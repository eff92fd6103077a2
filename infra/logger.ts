import { writeSync } from 'node:fs';
import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

const STDOUT = 1;
/** How long a reader of the pipe may be behind before lines are dropped. */
const PATIENCE_MS = 1_000;

/**
 * Writes to stdout at once. A line that a full disk or a closed pipe refuses is lost: pino's own stream throws from
 * `info()` then, and waits for ever in `fatal()`, which made a worker take tasks that it never did.
 */
const stdout: DestinationStream = {
  write(line) {
    const until = performance.now() + PATIENCE_MS;
    for (let rest = Buffer.from(line); rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(STDOUT, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  },
};

/**
 * JSON lines on stdout. Logs carry ids of organizations, requests and workflows, never addresses:
 * what could hold one (headers, bodies, credentials) is redacted before it is written.
 */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    redact: {
      paths: ['email', '*.email', 'password', '*.password', 'authorization', '*.authorization', 'cookie', '*.cookie', 'headers.authorization', 'headers.cookie'],
      censor: '[hidden]',
    },
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
  }, stdout);
}
