import { setTimeout as sleep } from 'node:timers/promises';
import { Child, type ChildSpec, type ChildWatcher } from './child.ts';
import { startElasticsearch } from './elasticsearch.ts';
import type { Ports } from './ports.ts';
import { startPostgres } from './postgres.ts';
import type { Profile } from './profile.ts';
import type { Progress } from './progress.ts';
import type { RunFile } from './run-file.ts';
import type { RunningService, ServiceContext } from './service.ts';
import { stopInOrder } from './stop-order.ts';
import { startTemporal } from './temporal.ts';

/**
 * The processes of one profile: started in parallel, stopped in order, written down in run.json all the while.
 */
export class Stack {
  readonly profile: Profile;
  readonly ports: Ports;
  readonly progress: Progress;
  readonly #runFile: RunFile;
  readonly #children: Child[] = [];
  #stopping = false;
  #services: readonly RunningService[] = [];

  constructor(profile: Profile, ports: Ports, progress: Progress, runFile: RunFile) {
    this.profile = profile;
    this.ports = ports;
    this.progress = progress;
    this.#runFile = runFile;
  }

  /** The services that are up, in the order people are told of them. */
  get services(): readonly RunningService[] {
    return this.#services;
  }

  /** The environment in which a process finds all services. */
  get env(): Readonly<Record<string, string>> {
    return Object.assign({}, ...this.#services.map((service) => service.env)) as Record<string, string>;
  }

  /**
   * Brings up Postgres, Elasticsearch and Temporal side by side.
   * @throws Error with the first failure and those at the same time, without waiting for the rest: two missing tools
   * are named together, and nobody waits for a download to learn of one. What is up stays up until `stop`.
   */
  async startServices(): Promise<void> {
    const context: ServiceContext = { profile: this.profile, ports: this.ports, progress: this.progress, launch: (spec) => this.launch(spec) };
    const failures = new Set<string>();
    const starts = [startPostgres, startElasticsearch, startTemporal].map((start) => this.#timed(start, context));
    for (const start of starts) start.catch((error: unknown) => failures.add(error instanceof Error ? error.message : String(error)));
    try {
      this.#services = await Promise.all(starts);
    } catch {
      await sleep(secondFailureMs);
      throw new Error([...failures].join('\n'));
    }
    this.#runFile.note({ addresses: Object.fromEntries(this.#services.map((service) => [service.name, service.address])) });
  }

  /** Starts one process and waits until it is ready. */
  async launch(spec: ChildSpec): Promise<Child> {
    if (this.#stopping) throw new Error('Stopping.');
    const child = new Child(spec, this.#watcher);
    this.#children.push(child);
    await child.start();
    return child;
  }

  /** Stops everything in order; nothing can be launched any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await stopInOrder(this.#children, (child) => child.spec.name, (child) => child.stop());
  }

  async #timed(start: (context: ServiceContext) => Promise<RunningService>, context: ServiceContext): Promise<RunningService> {
    const since = Date.now();
    const service = await start(context);
    this.progress.say(`✓ ${service.name} is up: ${service.origin} (${((Date.now() - since) / 1000).toFixed(1)} s)`);
    return service;
  }

  readonly #watcher: ChildWatcher = {
    changed: () => this.#runFile.note({ children: this.#children }),
    crashed: (child, how, tail, againInMs) => {
      const indented = tail.split('\n').map((line) => `    ${line}`).join('\n');
      this.progress.say(`✗ ${child.spec.name} ${how}; starting it again in ${againInMs / 1000} s. The end of ${child.spec.log}:\n${indented}`);
    },
    recovered: (child) => this.progress.say(`✓ ${child.spec.name} is up again`),
  };
}

/** How long after the first failure others still count as simultaneous. */
const secondFailureMs = 500;
