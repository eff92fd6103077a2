import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

test('the API description and the types of the UI are those of the routes', () => {
  const root = resolve(import.meta.dirname, '../..');
  const check = () => execFileSync(process.execPath, ['infra/scripts/openapi.ts', '--check'], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  expect(check).not.toThrow();
});
