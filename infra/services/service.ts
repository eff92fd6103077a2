import type { Child, ChildSpec } from './child.ts';
import type { Ports } from './ports.ts';
import type { Profile } from './profile.ts';
import type { Progress } from './progress.ts';

/** What a service may use to come up. */
export interface ServiceContext {
  readonly profile: Profile;
  readonly ports: Ports;
  readonly progress: Progress;
  /** Starts a process under supervision; it is stopped with the stack. */
  readonly launch: (spec: ChildSpec) => Promise<Child>;
}

/** A service that is up. */
export interface RunningService {
  readonly name: string;
  /** Where people and programs find it; without its password. */
  readonly address: string;
  /** How it came to be here: `from DATABASE_URL`, `Postgres 18.4 of this machine`, `installed`. */
  readonly origin: string;
  /** What the application's processes need in their environment to find it. */
  readonly env: Readonly<Record<string, string>>;
}
