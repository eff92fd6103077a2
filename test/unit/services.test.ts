import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { hashOf } from '../../infra/services/build.ts';
import { choosePorts, isPortFree, usualPorts } from '../../infra/services/ports.ts';
import { identify, isAlive, parseProcStat } from '../../infra/services/process-identity.ts';
import { summarize, summaryLine, type JsonReport } from '../../infra/services/summary.ts';
import { isAtLeast } from '../../infra/services/temporal.ts';

test('the usual ports are taken when they are free', async () => {
  const { ports, moved } = await choosePorts('usual', () => Promise.resolve(true));
  expect(ports).toEqual(usualPorts);
  expect(moved).toEqual([]);
});

test('a busy port gives the next free one, which is reported, and no two services share one', async () => {
  const busy = new Set([3000, 3001, 9200, 9300]);
  const { ports, moved } = await choosePorts('usual', (port) => Promise.resolve(!busy.has(port)));
  expect(ports.app).toBe(3002);
  expect(moved).toContainEqual({ name: 'app', wanted: 3000, got: 3002 });
  expect(new Set(Object.values(ports)).size).toBe(Object.keys(ports).length);
});

test('a port somebody listens on is not free', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  expect(await isPortFree(address.port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree(address.port)).toBe(true);
});

test('a process is known by its number and its start, not by its number alone', () => {
  const me = identify(process.pid);
  expect(me !== undefined && isAlive(me)).toBe(true);
  expect(isAlive({ pid: process.pid, startedAt: 'another start' })).toBe(false);
  expect(identify(2 ** 22 + 7)).toBeUndefined();
});

test('a command with spaces and parentheses does not shift the fields of /proc/PID/stat', () => {
  const fields = ['S', '1', '42', ...Array.from({ length: 16 }, (_, i) => String(i)), '987654'];
  expect(parseProcStat(`7 (a b) c) ${fields.join(' ')}`)).toEqual({ state: 'S', group: 42, startTicks: '987654' });
});

test('versions compare as numbers', () => {
  expect(isAtLeast('1.29', '1.9')).toBe(true);
  expect(isAtLeast('1.9', '1.29')).toBe(false);
  expect(isAtLeast('2.0', '1.29')).toBe(true);
});

const report = (passed: number, failed: number, pending: number, files: JsonReport['testResults'] = []): JsonReport => ({
  numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0, testResults: files,
});

test('the closing line adds up all suites and names what was skipped', () => {
  expect(summaryLine(summarize([report(3, 0, 0), report(4, 1, 2)]))).toBe('7 passed, 1 failed, 2 skipped');
  expect(summaryLine(summarize([report(3, 0, 0)]))).toBe('3 passed, 0 failed');
});

test('a file that cannot be loaded counts as failed', () => {
  const broken = { name: 'x.test.ts', status: 'failed', assertionResults: [] };
  const failing = { name: 'y.test.ts', status: 'failed', assertionResults: [{}] };
  expect(summarize([report(5, 1, 0, [broken, failing])])).toEqual({ passed: 5, failed: 2, skipped: 0 });
});

const folder = mkdtempSync(join(tmpdir(), 'fermata-hash-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a build is stale when a source changes, and not when a result does', () => {
  mkdirSync(join(folder, 'ui/build'), { recursive: true });
  writeFileSync(join(folder, 'ui/a.ts'), '1');
  writeFileSync(join(folder, 'ui/build/out.js'), '1');
  const before = hashOf(folder, ['ui']);
  writeFileSync(join(folder, 'ui/build/out.js'), '2');
  expect(hashOf(folder, ['ui'])).toBe(before);
  writeFileSync(join(folder, 'ui/a.ts'), '2');
  expect(hashOf(folder, ['ui'])).not.toBe(before);
});
