import { resolve } from 'node:path';
import { z } from 'zod';

interface Setting {
  readonly schema: z.ZodType;
  readonly default: string | undefined;
  readonly help: string;
}

const url = (protocols: readonly string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    message: `expected an address that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  });
const port = z.coerce.number({ message: 'expected a port number' }).int().min(1).max(65_535);
const count = (min: number, max: number) => z.coerce.number({ message: 'expected a number' }).int().min(min).max(max);
const hostAndPort = z.string().regex(/^[^:/\s]+:\d{1,5}$/, { message: 'expected host:port, like localhost:7233' });
const flag = z.enum(['true', 'false'], { message: 'expected true or false' }).transform((value) => value === 'true');

/** Every environment name Fermata reads, with its default and what it means. The README table is made from it. */
export const settings = {
  DATABASE_URL: {
    schema: url(['postgres:', 'postgresql:']),
    default: undefined,
    help: 'Postgres 16 or newer: the control database. The role needs CREATEDB, organizations get databases of their own.',
  },
  ELASTICSEARCH_URL: { schema: url(['http:', 'https:']), default: undefined, help: 'Elasticsearch 8.19 or a compatible server.' },
  TEMPORAL_ADDRESS: { schema: hostAndPort, default: undefined, help: 'Temporal frontend, host:port.' },
  TEMPORAL_NAMESPACE: { schema: z.string().min(1), default: 'default', help: 'Temporal namespace.' },
  TEMPORAL_UI_URL: { schema: url(['http:', 'https:']), default: 'http://localhost:8233', help: "Temporal's web UI, for the operators' links." },
  FERMATA_BASE_URL: { schema: url(['http:', 'https:']), default: 'http://localhost:3000', help: 'Public address of the app; links in mails start with it.' },
  FERMATA_HOST: { schema: z.string().min(1), default: '127.0.0.1', help: 'Address the API listens on; 0.0.0.0 for all.' },
  FERMATA_PORT: { schema: port, default: '3000', help: 'Port of the API and the UI.' },
  FERMATA_SECRET_KEY: {
    schema: z.string().refine((value) => Buffer.from(value, 'base64').length >= 32, { message: 'expected at least 32 random bytes in base64, as `openssl rand -base64 32` prints them' }),
    default: undefined,
    help: 'Key of all secrets, sessions and tracking links. Keep it: without it stored passwords and links in sent mails are lost.',
  },
  FERMATA_STATE_DIR: { schema: z.string().min(1).transform((path) => resolve(path)), default: '.fermata/state', help: 'Folder of uploaded files, rejected rows and exports.' },
  FERMATA_CATCHER_HOST: { schema: z.string().min(1), default: '127.0.0.1', help: 'Address of the mail catcher, to listen on and to connect to.' },
  FERMATA_CATCHER_SMTP_PORT: { schema: port, default: '1025', help: 'SMTP port of the mail catcher.' },
  FERMATA_SYSTEM_SMTP_URL: { schema: url(['smtp:', 'smtps:']).optional(), default: undefined, help: 'SMTP server of system mail (password resets, invitations); the mail catcher when unset.' },
  FERMATA_SYSTEM_MAIL_FROM: { schema: z.email(), default: 'fermata@localhost.localdomain', help: 'Sender of system mail.' },
  FERMATA_ORG_CREATION: { schema: z.enum(['owners', 'anyone', 'closed']), default: 'owners', help: 'Who may create further organizations.' },
  FERMATA_ALLOW_PRIVATE_SMTP: { schema: flag, default: 'false', help: 'Whether SMTP hosts and tracking domains may be on private networks.' },
  FERMATA_ALLOW_PRIVATE_WEBHOOKS: { schema: flag, default: 'false', help: 'Whether webhooks of journeys may call hosts on private networks, and any port.' },
  FERMATA_SEND_CONNECTIONS: { schema: count(1, 500), default: '48', help: 'Open SMTP connections of one worker process at most.' },
  FERMATA_UPLOAD_LIMIT_MB: { schema: count(1, 10_240), default: '2048', help: 'Largest uploaded file, in megabytes.' },
  FERMATA_GEO_CITY_DB: { schema: z.string().min(1).transform((path) => resolve(path)).optional(), default: undefined, help: "Database of cities in MaxMind's format (.mmdb), for reports by city; without it countries alone are told, by the bundled one." },
  FERMATA_LOG_LEVEL: { schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), default: 'info', help: 'Log level.' },
  FERMATA_TRUST_PROXY: { schema: count(0, 10), default: '0', help: 'Number of trusted reverse proxies in front of the API.' },
} as const satisfies Record<string, Setting>;

type Name = keyof typeof settings;
export type Config = { readonly [K in Name]: z.infer<(typeof settings)[K]['schema']> };

/** Thrown by `readConfig` with one line per problem. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads and checks the whole environment; the only place that does.
 * @param env usually `process.env`; an empty value counts as unset
 * @throws ConfigError with every problem at once
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings) as [Name, Setting][]) {
    const raw = env[name] === undefined || env[name] === '' ? setting.default : env[name];
    const parsed = setting.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else if (raw === undefined) problems.push(`${name} is not set. ${setting.help}`);
    else problems.push(`${name}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Config;
}
