import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { settings } from '../config.ts';

/** Writes the configuration table of the README from the settings; `npm run readme`. */

const MARKS = ['<!-- configuration: begin -->', '<!-- configuration: end -->'] as const;

export function configurationTable(): string {
  const rows = Object.entries(settings).map(
    ([name, setting]) => `| \`${name}\` | ${setting.default === undefined ? '' : `\`${setting.default}\``} | ${setting.help} |`,
  );
  return ['| name | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

if (import.meta.main) {
  const path = resolve(import.meta.dirname, '../../README.md');
  const [before, rest] = readFileSync(path, 'utf8').split(MARKS[0]);
  const after = rest?.split(MARKS[1])[1];
  if (before === undefined || after === undefined) throw new Error('README.md has lost the marks of the configuration table');
  writeFileSync(path, `${before}${MARKS[0]}\n${configurationTable()}\n${MARKS[1]}${after}`);
}
