import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError, readConfig, settings } from '../../infra/config.ts';
import { configurationTable } from '../../infra/scripts/readme.ts';

const good = {
  DATABASE_URL: 'postgres://fermata@localhost/fermata',
  ELASTICSEARCH_URL: 'http://localhost:9200',
  TEMPORAL_ADDRESS: 'localhost:7233',
  FERMATA_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
};

test('defaults fill what is not set, and an empty value counts as unset', () => {
  const config = readConfig({ ...good, FERMATA_PORT: '' });
  expect(config.FERMATA_PORT).toBe(3000);
  expect(config.FERMATA_ALLOW_PRIVATE_SMTP).toBe(false);
});

test('all problems are reported together, each with its name', () => {
  const read = () => readConfig({ ...good, DATABASE_URL: 'mysql://x', TEMPORAL_ADDRESS: 'localhost', FERMATA_SECRET_KEY: 'short', FERMATA_PORT: '70000' });
  expect(read).toThrow(ConfigError);
  try {
    read();
  } catch (error) {
    expect((error as ConfigError).problems.map((problem) => problem.split(/[: ]/)[0])).toEqual([
      'DATABASE_URL', 'TEMPORAL_ADDRESS', 'FERMATA_PORT', 'FERMATA_SECRET_KEY',
    ]);
  }
});

test('a missing required name says what it is for', () => {
  expect(() => readConfig({})).toThrow(/DATABASE_URL is not set\. Postgres/);
});

test('the README documents every name, as generated', () => {
  const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
  expect(readme).toContain(configurationTable());
  for (const name of Object.keys(settings)) expect(readme).toContain(`\`${name}\``);
});
