// The first step of `npm start`, `npm test` and `npm run bench`: plain JavaScript for Node 20 with built-ins only,
// because nothing is installed yet. It installs the packages when the lock file has changed and hands over to the
// supervisor, which runs on the Node of the lock file. That Node is spawned by its path: a shell may have cached where `node` is.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = resolve(fileURLToPath(new URL('.', import.meta.url)), '../..');
const stamp = join(checkout, 'node_modules/.fermata-lock');
const node = join(checkout, 'node_modules/.bin/node');
const modes = ['start', 'test', 'bench'];

const [mode = '', ...args] = process.argv.slice(2);
if (!modes.includes(mode)) {
  process.stderr.write(`Say what to do: ${modes.join(', ')}.\n`);
  process.exit(2);
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(`Node 20 or newer is needed, this is ${process.versions.node}.\n`);
  process.exit(2);
}

installPackages();
const child = spawn(node, [join(checkout, 'infra/services/supervisor.ts'), mode, ...args], { cwd: checkout, stdio: 'inherit' });
// A terminal sends Ctrl-C to both; anything else sends it to this process only, so it is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('error', (error) => {
  process.stderr.write(`The supervisor could not be started: ${error.message}\n`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
});

/** Runs `npm ci` unless the installed packages are those of this lock file, on this system. */
function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(checkout, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');
  if (existsSync(stamp) && existsSync(node) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('· Installing the packages (about a minute) …\n');
  const since = Date.now();
  const npm = spawnSync('npm', ['ci', '--no-fund', '--no-audit', '--loglevel', 'error'], { cwd: checkout, stdio: ['ignore', 'ignore', 'inherit'] });
  if (npm.error !== undefined || npm.status !== 0) {
    process.stderr.write(`The packages could not be installed${npm.error === undefined ? '' : ` (${npm.error.message})`}: run \`npm ci\` and see why.\n`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
  process.stderr.write(`✓ Packages installed (${Math.round((Date.now() - since) / 1000)} s)\n`);
}
