import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** What the system says about its start: boot and clock ticks on Linux, a date elsewhere. */
  readonly startedAt: string;
}

/**
 * Describes a running process so that it can be recognized later.
 * @returns undefined when no such process runs, or when it is a zombie
 */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = startOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Whether that very process still runs: the number alone proves nothing, it may have been given to another. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.startedAt;
}

/**
 * Reads state and start time out of /proc/PID/stat.
 * The command stands in parentheses and may itself contain spaces and parentheses, so fields count from the last `)`.
 */
export function parseProcStat(stat: string): { readonly state: string; readonly group: number; readonly startTicks: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).trim().split(/\s+/);
  const state = fields[0];
  const group = fields[2];
  const startTicks = fields[19];
  return state === undefined || group === undefined || startTicks === undefined ? undefined : { state, group: Number(group), startTicks };
}

/**
 * Stops a process group: the signal, then SIGKILL when somebody is still there after the given time.
 * Returns when nobody is left.
 */
export async function stopGroup(group: number, signal: NodeJS.Signals, withinMs: number): Promise<void> {
  signalGroup(group, signal);
  const killAt = Date.now() + withinMs;
  const giveUpAt = killAt + 2_000; // SIGKILL cannot be refused; only a process stuck in the kernel stays longer
  while (groupLives(group) && Date.now() < giveUpAt) {
    if (Date.now() > killAt) signalGroup(group, 'SIGKILL');
    await sleep(50);
  }
}

/** Sends a signal to a process group; 0 only asks. @returns whether anyone is in it, zombies included */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ESRCH' || code === 'EPERM') return false; // EPERM: macOS, when only zombies are left
    throw error;
  }
}

/** Zombies do not count: in a container whose first process reaps nobody they would stay for ever. */
function groupLives(group: number): boolean {
  if (!signalGroup(group, 0)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    const stat = parseProcStat(readIfThere(`/proc/${name}/stat`) ?? '');
    return stat?.group === group && stat.state !== 'Z' && stat.state !== 'X';
  });
}

function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const stat = readIfThere(`/proc/${pid}/stat`);
    const parsed = stat === undefined ? undefined : parseProcStat(stat);
    if (parsed === undefined || parsed.state === 'Z' || parsed.state === 'X') return undefined;
    // Ticks count from the boot, so the same number can come again after the next one.
    const boot = readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
    return `${boot}:${parsed.startTicks}`;
  }
  const answer = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  const started = answer.status === 0 ? answer.stdout.trim() : '';
  return started === '' ? undefined : started;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // gone between two looks: the same as not running
  }
}
