import { pino, type Logger } from 'pino';

export type { Logger };

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
  });
}
