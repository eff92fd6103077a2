import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';

/** What a failed job tells people: the refusal in its own words, anything else in ours. */
export function reasonOf(error: unknown, otherwise: string): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable ? cause.message : otherwise;
}
