// The first step of `npm start`, `npm test`, `npm run bench` and `npm run faults`: plain JavaScript for Node 20 with built-ins only,
// because nothing is installed yet. It installs the packages when the lock file has changed and hands over to the
// supervisor, which runs on the Node of the lock file. That Node is spawned by its path: a shell may have cached where `node` is.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = resolve(fileURLToPath(new URL('.', import.meta.url)), '../..');
const stamp = join(checkout, 'node_modules/.fermata-lock');
const node = join(checkout, 'node_modules/.bin/node');
const modes = ['start', 'test', 'bench', 'faults'];

const [mode = '', ...args] = process.argv.slice(2);
if (!modes.includes(mode)) {
  process.stderr.write(`Say what to do: ${modes.join(', ')}.\n`);
  process.exit(2);
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(`Node 20 or newer is needed, this is ${process.versions.node}.\n`);
  process.exit(2);
}

// The forwarding stands before the first child: a signal in between must not leave one behind.
/** @type {import('node:child_process').ChildProcess | undefined} */
let running;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    // A terminal sends Ctrl-C to both; anything else comes to this process only, so it is passed on.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) running?.kill(signal);
  });
}

// npm passes SIGTERM to the shell it runs this in, and the shell dies of it without a word to us.
if (process.env.npm_lifecycle_event !== undefined) {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid === shell || interrupted) return;
    interrupted = true;
    running?.kill('SIGTERM');
  }, 500).unref();
}

await installPackages();
// The fourth stream is the supervisor's way to notice that this process was killed.
running = spawn(node, [join(checkout, 'infra/services/supervisor.ts'), mode, ...args], { cwd: checkout, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
running.on('error', (error) => {
  process.stderr.write(`The supervisor could not be started: ${error.message}\n`);
  process.exitCode = 1;
});
running.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
});

/** Runs `npm ci` unless the installed packages are those of this lock file, on this system. */
async function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(checkout, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');
  if (existsSync(stamp) && existsSync(node) && readFileSync(stamp, 'utf8') === wanted) return;
  const since = Date.now();
  const elapsed = () => `${Math.round((Date.now() - since) / 1000)} s`;
  process.stderr.write('· Installing the packages (about a minute) …\n');
  const ticker = setInterval(() => process.stderr.write(`· Installing the packages (${elapsed()})\n`), 10_000);
  running = spawn('npm', ['ci', '--no-fund', '--no-audit', '--loglevel', 'error'], { cwd: checkout, stdio: ['ignore', 'ignore', 'inherit'] });
  const problem = await new Promise((done) => {
    running?.once('error', (error) => done(error.message));
    running?.once('exit', (code, signal) => done(code === 0 ? undefined : `npm ended with ${signal ?? `status ${code}`}`));
  });
  clearInterval(ticker);
  if (interrupted) process.exit(130);
  if (problem !== undefined) {
    process.stderr.write(`The packages could not be installed (${problem}): run \`npm ci\` and see why.\n`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
  process.stderr.write(`✓ Packages installed (${elapsed()})\n`);
}
