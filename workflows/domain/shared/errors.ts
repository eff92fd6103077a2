/** Every way Fermata refuses or fails. The HTTP status and Temporal's retry behaviour derive from it. */
export const errorCodes = {
  invalid: 422,
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported: 415,
  rate_limited: 429,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** A problem with one field of the input: the path as the caller wrote it, and a sentence with the fix. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/**
 * The one error of the house: a closed code, a sentence fit for the screen, the fields it concerns.
 * `api/http/problem.ts` and `activities/errors.ts` are the only places that translate it.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly fields: readonly FieldError[];

  constructor(code: ErrorCode, message: string, fields: readonly FieldError[] = [], options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
    this.fields = fields;
  }
}

/** Refuses one field: `refuse('subject', 'Write a subject line.')`. */
export function refuse(field: string, message: string): AppError {
  return new AppError('invalid', message, [{ field, message }]);
}

export function notFound(what: string): AppError {
  return new AppError('not_found', `This ${what} does not exist.`);
}
