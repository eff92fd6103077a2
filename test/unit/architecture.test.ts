import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** The import table of the house. `type` allows `import type` alone. */
const table: Readonly<Record<Room, Readonly<Partial<Record<Room, 'yes' | 'type'>>>>> = {
  domain: { domain: 'yes' },
  contracts: { domain: 'type', contracts: 'yes' },
  workflows: { domain: 'yes', contracts: 'yes', workflows: 'yes', activities: 'type' },
  search: { domain: 'yes', search: 'yes', infra: 'type' },
  infra: { domain: 'yes', contracts: 'yes', workflows: 'type', search: 'yes', infra: 'yes' },
  activities: { domain: 'yes', contracts: 'yes', activities: 'yes', search: 'yes', infra: 'yes' },
  api: { domain: 'yes', contracts: 'yes', search: 'yes', infra: 'yes', api: 'yes' },
  ui: { domain: 'yes', ui: 'yes' },
};

type Room = 'domain' | 'contracts' | 'workflows' | 'search' | 'infra' | 'activities' | 'api' | 'ui';

/** Composition roots and scripts see everything. */
const roots = [/^infra\/scripts\//, /^infra\/container\.ts$/];

const root = resolve(import.meta.dirname, '../..');

function roomOf(path: string): Room | undefined {
  if (path.startsWith('workflows/domain/')) return 'domain';
  if (path === 'workflows/contracts.ts') return 'contracts';
  const top = path.split('/')[0];
  return top !== undefined && top in table ? (top as Room) : undefined;
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = globSync('{workflows,search,infra,activities,api,ui/src}/**/*.{ts,svelte}', { cwd: root }).filter((file) => !file.endsWith('.d.ts'));

function importsOf(file: string): Import[] {
  const source = readFileSync(resolve(root, file), 'utf8');
  const found: Import[] = [];
  for (const match of source.matchAll(/^\s*(import|export)\s+(type\s+)?[^'"`;]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm)) {
    const specifier = match[3] ?? match[4] ?? match[5] ?? '';
    const target = specifier.startsWith('#domain/')
      ? `workflows/domain/${specifier.slice('#domain/'.length)}`
      : specifier.startsWith('.')
        ? relative(root, resolve(root, dirname(file), specifier))
        : undefined;
    if (target !== undefined) found.push({ from: file, to: target, typeOnly: match[2] !== undefined });
  }
  return found;
}

test('there is something to check', () => {
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap(importsOf).length).toBeGreaterThan(100);
});

test('every import is allowed by the table', () => {
  const offences = files
    .filter((file) => !roots.some((pattern) => pattern.test(file)))
    .flatMap(importsOf)
    .filter(({ from, to, typeOnly }) => {
      const here = roomOf(from);
      const there = roomOf(to);
      if (here === undefined || there === undefined) return false;
      const allowed = table[here][there];
      return allowed === undefined || (allowed === 'type' && !typeOnly);
    })
    .map(({ from, to, typeOnly }) => `${from} → ${to}${typeOnly ? ' (type)' : ''}`);
  expect(offences).toEqual([]);
});

test('the domain imports no package and no Node built-in', () => {
  const offences = files
    .filter((file) => roomOf(file) === 'domain')
    .flatMap((file) =>
      [...readFileSync(resolve(root, file), 'utf8').matchAll(/from\s+['"]([^'"]+)['"]/g)]
        .map((match) => match[1] ?? '')
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('#domain/'))
        .map((specifier) => `${file} → ${specifier}`),
    );
  expect(offences).toEqual([]);
});

test('only the configuration reads the environment', () => {
  const offences = files
    .filter((file) => !file.startsWith('ui/') && !file.startsWith('infra/services/') && file !== 'infra/config.ts')
    .filter((file) => readFileSync(resolve(root, file), 'utf8').includes('process.env'));
  expect(offences).toEqual([]);
});
