import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

/** What a browser loads before it shows a screen: files that others import when they are needed (canvas, editor, dialogs) do not count. */

const LIMIT = 200_000;
const ui = join(import.meta.dirname, '../../ui');
const built = join(ui, 'build/_app/immutable');

/** Numbers of the pieces a screen is made of: its layouts and itself; piece 0 is the frame of all. */
const screens = [...readFileSync(join(ui, '.svelte-kit/generated/build/client/app.js'), 'utf8').matchAll(/"(\/[^"]*)": \[(\d+)(?:,\[([\d,]*)\])?\]/g)]
  .map(([, path, own, layouts = '']): [path: string, pieces: number[]] => [path!, [0, ...layouts.split(',').filter(Boolean).map(Number), Number(own)]]);
const pieces = new Map(readdirSync(join(built, 'nodes')).map((name) => [Number.parseInt(name, 10), join(built, 'nodes', name)]));
const entries = readdirSync(join(built, 'entry')).filter((name) => /^(start|app)\./.test(name)).map((name) => join(built, 'entry', name));

const sizes = new Map<string, number>();
function sizeOf(file: string): number {
  const known = sizes.get(file) ?? gzipSync(readFileSync(file), { level: 9 }).length;
  sizes.set(file, known);
  return known;
}

/** These files and all they import at once, each counted once. @returns bytes, compressed */
function weightOf(files: readonly string[]): number {
  const loaded = new Set(files);
  for (const file of loaded) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/\b(?:from|import)\s*["'`](\.[^"'`]+)["'`]/g)) loaded.add(resolve(file, '..', path!));
  }
  return [...loaded].reduce((sum, file) => sum + sizeOf(file), 0);
}

test('the screens are found', () => {
  expect(screens.length).toBeGreaterThan(20);
  expect(entries).toHaveLength(2);
});

test.each(screens)('%s comes with less than 200 kB of compressed JavaScript', (_, numbers) => {
  expect(weightOf([...entries, ...numbers.map((number) => pieces.get(number)!)])).toBeLessThan(LIMIT);
});
