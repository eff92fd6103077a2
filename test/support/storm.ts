import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation } from './installation.ts';
import type { SmtpSink } from './smtp-sink.ts';
import type { Timeline } from './timeline.ts';
import type { Victim } from './victim.ts';

export interface StormSetup {
  readonly installation: Installation;
  readonly sink: SmtpSink;
  readonly timeline: Timeline;
  /** Sessions of one worker at most. */
  readonly sessionsPerWorker: number;
  /** Pause between one fault and the next, ms. */
  readonly gapMs: { readonly from: number; readonly to: number };
}

/** Something that goes wrong at once and is repaired later. */
interface Fault {
  readonly name: string;
  /** Whom it happens to: nobody has two at once. */
  readonly victim: string;
  /** How often it is chosen. */
  readonly weight: number;
  /** Sessions that may end in doubt. */
  readonly doubts: number;
  readonly repairAfterMs: { readonly from: number; readonly to: number };
  strike(): Promise<void> | void;
  repair(): Promise<void> | void;
}

/** What the storm did. */
export interface StormReport {
  readonly strikes: readonly { readonly name: string; readonly at: number; readonly repairedAt: number }[];
  /** People the faults may have left in doubt, all together. */
  readonly doubts: number;
}

/**
 * Kills, stops and restarts the processes of an installation in the order its seed gives, several at once, until the time
 * is over; then everything is repaired. Each strike and repair is in the timeline.
 */
export async function storm(setup: StormSetup, until: number): Promise<StormReport> {
  const { timeline } = setup;
  const faults = faultsOf(setup);
  const total = faults.reduce((sum, fault) => sum + fault.weight, 0);
  const ailing = new Set<string>();
  const strikes: { name: string; at: number; repairedAt: number }[] = [];
  const repairs: Promise<void>[] = [];
  let doubts = 0;
  // Chosen before anything is known of the run, so that a seed gives the same faults.
  const choose = () => {
    let left = timeline.random() * total;
    return faults.find((fault) => (left -= fault.weight) < 0) ?? faults[0]!;
  };
  while (Date.now() < until) {
    await sleep(timeline.between(setup.gapMs.from, setup.gapMs.to));
    const fault = choose();
    const repairAfterMs = timeline.between(fault.repairAfterMs.from, fault.repairAfterMs.to);
    if (ailing.has(fault.victim)) continue;
    ailing.add(fault.victim);
    const strike = { name: fault.name, at: Date.now(), repairedAt: 0 };
    strikes.push(strike);
    doubts += fault.doubts;
    timeline.note(`${fault.name} for ${repairAfterMs} ms (${await openSessions(setup.sink)} sessions open)`);
    await fault.strike();
    repairs.push(sleep(repairAfterMs).then(() => mend(fault)).then(() => {
      strike.repairedAt = Date.now();
      ailing.delete(fault.victim);
      timeline.note(`${fault.name}: over`);
    }));
  }
  await Promise.all(repairs);
  return { strikes, doubts };
}

/** A process that needs another which is down as well comes up when that one does. */
async function mend(fault: Fault): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      return await fault.repair();
    } catch (cause) {
      if (Date.now() > deadline) throw cause;
      await sleep(500);
    }
  }
}

async function openSessions(sink: SmtpSink): Promise<number | 'no'> {
  const counts = sink.counts().then(({ open }) => open, () => 'no' as const);
  return Promise.race([counts, sleep(200, 'no' as const)]);
}

function faultsOf({ installation, sink, sessionsPerWorker }: StormSetup): Fault[] {
  const { workers, api, temporal, postgres, elasticsearch } = installation;
  const everySession = sessionsPerWorker * workers.length;
  const killed = (victim: Victim, weight: number, doubts: number, to: number): Fault =>
    ({ name: `kill -9 ${victim.name}`, victim: victim.name, weight, doubts, repairAfterMs: { from: 0, to }, strike: () => victim.kill(), repair: () => victim.start() });
  const stopped = (victim: Victim, weight: number, doubts: number, to: number): Fault =>
    ({ name: `SIGSTOP ${victim.name}`, victim: victim.name, weight, doubts, repairAfterMs: { from: 500, to }, strike: () => victim.suspend(), repair: () => victim.resume() });
  return [
    ...workers.flatMap((worker) => [
      killed(worker, 3, sessionsPerWorker, 4_000),
      stopped(worker, 2, sessionsPerWorker, 15_000),
      { name: `SIGTERM ${worker.name}`, victim: worker.name, weight: 1, doubts: 0, repairAfterMs: { from: 0, to: 1_000 }, strike: () => worker.terminate(), repair: () => worker.start() },
    ]),
    killed(api, 2, 0, 3_000),
    killed(temporal, 2, everySession, 8_000),
    stopped(temporal, 1, everySession, 15_000),
    { ...killed(temporal, 1, everySession, 5_000), name: 'kill -9 and wipe temporal', repair: () => { installation.wipeTemporal(); return temporal.start(); } },
    killed(postgres, 3, everySession, 5_000),
    stopped(postgres, 1, everySession, 8_000),
    killed(elasticsearch, 1, 0, 8_000),
    stopped(elasticsearch, 1, 0, 10_000),
    { name: 'kill -9 sink', victim: 'sink', weight: 2, doubts: everySession, repairAfterMs: { from: 0, to: 3_000 }, strike: () => sink.kill(), repair: () => sink.start() },
    { name: 'SIGSTOP sink', victim: 'sink', weight: 1, doubts: 0, repairAfterMs: { from: 500, to: 5_000 }, strike: () => sink.suspend(), repair: () => sink.resume() },
  ];
}
