import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/**
 * The Chromium of the registry package, and no other: what a machine happens to have installed must not decide a test.
 * Where the system lacks its libraries, those that the package brings along are used.
 */
export async function launchBrowser(): Promise<Browser> {
  const packaged = await import('@sparticuz/chromium');
  const executablePath = await packaged.default.executablePath();
  if (!lacksLibraries(executablePath)) return chromium.launch({ executablePath, args: flags });
  const archive = join(createRequire(import.meta.url).resolve('@sparticuz/chromium'), '..', '..', 'bin', 'al2023.tar.br');
  await packaged.inflate(archive);
  const libraries = join(tmpdir(), 'al2023', 'lib');
  const env = { ...definedEnvironment(), FONTCONFIG_PATH: join(tmpdir(), 'fonts'), LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') };
  return chromium.launch({ executablePath, args: flags, env });
}

function lacksLibraries(executable: string): boolean {
  if (!existsSync('/usr/bin/ldd')) return true;
  return execFileSync('ldd', [executable], { encoding: 'utf8' }).includes('not found');
}

const definedEnvironment = () => Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Finding { readonly id: string; readonly impact: string | null; readonly help: string; readonly nodes: readonly { readonly target: readonly string[] }[] }

/** What axe finds serious or critical on the page as it stands; mail in frames is not ours to judge. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Evaluated through the debugger, because the page's own policy lets no foreign script in.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { axe: runner } = globalThis as unknown as { axe: { run(context: unknown, options: unknown): Promise<{ violations: Finding[] }> } };
    return (await runner.run({ exclude: [['iframe'], ['.cm-editor']] }, { iframes: false })).violations;
  });
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).slice(0, 3).join(', ')})`);
}
