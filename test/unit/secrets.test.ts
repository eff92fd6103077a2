import { expect, test } from 'vitest';
import { createSecrets } from '../../infra/secrets.ts';

const secrets = createSecrets(Buffer.alloc(32, 1).toString('base64'));
const place = 'org-a|connection|secret|1';

test('what was sealed opens at its place', () => {
  expect(secrets.open(secrets.seal('pässword', place), place)).toBe('pässword');
});

test('the same value is sealed differently each time', () => {
  expect(secrets.seal('x', place)).not.toBe(secrets.seal('x', place));
});

test('a value copied to another row or organization does not open', () => {
  const sealed = secrets.seal('x', place);
  expect(() => secrets.open(sealed, 'org-b|connection|secret|1')).toThrow();
  expect(() => secrets.open(sealed, 'org-a|connection|secret|2')).toThrow();
});

test('a value changed in any byte does not open', () => {
  const parts = secrets.seal('a longer secret', place).split('.');
  for (const part of [1, 2, 3]) {
    const bytes = Buffer.from(parts[part] ?? '', 'base64url');
    for (let i = 0; i < bytes.length; i += 1) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      const forged = parts.with(part, changed.toString('base64url')).join('.');
      expect(() => secrets.open(forged, place)).toThrow();
    }
  }
});

test('another installation cannot open it, and purposes and scopes have keys of their own', () => {
  const other = createSecrets(Buffer.alloc(32, 2).toString('base64'));
  expect(() => other.open(secrets.seal('x', place), place)).toThrow();
  const keys = [secrets.derive('tracking'), secrets.derive('unsubscribe'), secrets.derive('catcher', 'a'), secrets.derive('catcher', 'b')];
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(keys.length);
});
