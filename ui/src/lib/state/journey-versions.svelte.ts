import { get, post } from '$lib/api/client.ts';
import type { JourneyVersions as Versions } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource } from './resource.svelte.ts';

/** The published versions of a journey, newest first, and moving people between them. */
export class JourneyVersions extends Resource<Versions> {
  constructor(readonly id: string) {
    super(() => get('/journeys/{id}/versions', { path: { id } }));
  }

  /** Who would move to the live version and who would stay, step by step. Nobody moves. */
  count = new Action((from: number) => this.#migrate(from, true));
  migrate = new Action((from: number) => this.#migrate(from, false));
  undo = new Action(() => post('/journeys/{id}/migrate/undo', { path: { id: this.id }, idempotencyKey: crypto.randomUUID() }));
  /** Makes a draft of an earlier version. @param replace whether a draft that is there gives way */
  revert = new Action((no: number, replace: boolean) => post('/journeys/{id}/versions/{no}/revert', { path: { id: this.id, no }, body: { replace } }));

  #migrate = (from: number, dryRun: boolean) => post('/journeys/{id}/migrate', { path: { id: this.id }, body: { from, dryRun }, idempotencyKey: crypto.randomUUID() });
}
