import { ApplicationFailure } from '@temporalio/common';
import { AppError, type ErrorCode } from '#domain/shared/errors.ts';

/** Refusals that asking again will not change; the rest is retried by the activity's policy. */
const permanent: ReadonlySet<ErrorCode> = new Set(['invalid', 'malformed', 'unauthenticated', 'forbidden', 'not_found', 'conflict', 'too_large', 'unsupported']);

/** An error as Temporal sees it: `AppError` by its code, anything else retryable as it is. */
export function toActivityFailure(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  return ApplicationFailure.create({
    message: error.message, type: error.code, nonRetryable: permanent.has(error.code), cause: error, details: [error.fields],
  });
}

type Activity = (...input: never[]) => Promise<unknown>;

/** Wraps every activity of a factory, so that none forgets the translation. */
export function translating<A extends Record<string, Activity>>(activities: A): A {
  const wrapped: Record<string, Activity> = {};
  for (const [name, activity] of Object.entries(activities)) {
    wrapped[name] = async (...input) => {
      try {
        return await activity(...input);
      } catch (error) {
        throw toActivityFailure(error);
      }
    };
  }
  return wrapped as A;
}
