import type { ApiError } from '$lib/api/client.ts';
import { toApiError } from './resource.svelte.ts';

/** One thing a person does: busy while it runs, its refusal kept for the form that asked. */
export class Action<Args extends unknown[], Result> {
  busy = $state(false);
  error = $state.raw<ApiError | null>(null);
  #perform: (...args: Args) => Promise<Result>;

  constructor(perform: (...args: Args) => Promise<Result>) {
    this.#perform = perform;
  }

  /** @returns the result, or null when it was refused (the reason is in `error`) or is already running */
  run = async (...args: Args): Promise<Result | null> => {
    if (this.busy) return null;
    this.busy = true;
    this.error = null;
    try {
      return await this.#perform(...args);
    } catch (cause) {
      this.error = toApiError(cause);
      return null;
    } finally {
      this.busy = false;
    }
  };

  /** The message of one field, when the refusal names it. */
  at(field: string): string | null {
    return this.error?.fields.find((problem) => problem.field === field)?.message ?? null;
  }
}
