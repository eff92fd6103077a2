import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepSecret, openProfile, type Profile } from './profile.ts';

const variables = { Postgres: 'DATABASE_URL', Elasticsearch: 'ELASTICSEARCH_URL', Temporal: 'TEMPORAL_ADDRESS' } as const;

/** The environment of a command beside a running `npm start` of this checkout: where its services are, unless the caller says otherwise. */
export function commandEnv(): NodeJS.ProcessEnv {
  const profile = openProfile('dev');
  const path = join(profile.folder, 'run.json');
  if (!existsSync(path)) return process.env;
  const { addresses } = JSON.parse(readFileSync(path, 'utf8')) as { addresses: Readonly<Record<string, string>> };
  const env: Record<string, string> = { FERMATA_SECRET_KEY: keepSecret(profile, 'secret-key', 32) };
  for (const [service, variable] of Object.entries(variables)) if (addresses[service] !== undefined) env[variable] = addresses[service];
  if (env['DATABASE_URL'] !== undefined) env['DATABASE_URL'] = withPassword(env['DATABASE_URL'], profile);
  return { FERMATA_LOG_LEVEL: 'warn', ...env, ...process.env };
}

/** Addresses are written down as they are shown, without the password. */
function withPassword(address: string, profile: Profile): string {
  const url = new URL(address);
  if (url.password === '') url.password = keepSecret(profile, 'postgres-password', 18, 'hex');
  return url.href;
}
