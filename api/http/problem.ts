import type { Request, Response } from 'express';
import type { z } from 'zod';
import { AppError, errorCodes, type ErrorCode, type FieldError } from '#domain/shared/errors.ts';
import type { Logger } from '../../infra/logger.ts';

/** RFC 9457, with `code` (closed, for programs) and `errors` (one sentence per field, for people). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode | 'internal';
  readonly errors: readonly FieldError[];
}

const titles: Record<ErrorCode | 'internal', string> = {
  invalid: 'The input is not valid',
  malformed: 'The request cannot be read',
  unauthenticated: 'You are not logged in',
  forbidden: 'You may not do this',
  not_found: 'Not found',
  conflict: 'This is not possible now',
  too_large: 'Too large',
  unsupported: 'This kind of content is not supported',
  rate_limited: 'Too many requests',
  unavailable: 'Not available at the moment',
  internal: 'Something failed',
};

/**
 * Translates whatever was thrown, here and nowhere else: an AppError as it says, the body parser's
 * refusals as 400, 413 and 415, a full disk or a database that is away as 503, anything else as a 500 that names the request id and nothing more.
 */
export function toProblem(error: unknown, instance: string, requestId: string): Problem {
  const known = error instanceof AppError ? error : (parserRefusal(error) ?? outage(error));
  const code = known?.code ?? 'internal';
  return {
    type: `urn:fermata:problem:${code.replaceAll('_', '-')}`,
    title: titles[code],
    status: known === null ? 500 : errorCodes[known.code],
    detail: known?.message ?? `Something failed. If you report it, name the request ${requestId}.`,
    instance,
    code,
    errors: known?.fields ?? [],
  };
}

/** Answers with a problem document; an unknown error is logged whole, a broken response is only ended. */
export function sendProblem(error: unknown, req: Request, res: Response, requestId: string, logger: Logger): void {
  const problem = toProblem(error, req.originalUrl.split('?')[0]!.slice(0, 200), requestId);
  if (problem.status >= 500) logger.error({ err: error, requestId, method: req.method, path: req.path }, 'request failed');
  else if (problem.status === 403) logger.warn({ requestId, method: req.method, path: req.path }, 'request forbidden');
  if (res.headersSent) {
    res.destroy();
    return;
  }
  if (problem.status === 503 && !res.hasHeader('Retry-After')) res.set('Retry-After', '5');
  res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** The body parser of Express throws errors with a `type`; only those become a client's fault. */
function parserRefusal(error: unknown): AppError | null {
  const refusal = error as { type?: unknown; status?: unknown; limit?: unknown };
  if (!(error instanceof Error) || typeof refusal.status !== 'number') return null;
  switch (refusal.type) {
    case 'entity.parse.failed':
      return new AppError('malformed', `The body is not valid JSON: ${error.message}.`);
    case 'entity.too.large':
      return new AppError('too_large', `The body is larger than the ${String(refusal.limit)} bytes this address takes.`);
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new AppError('unsupported', 'Send the body as UTF-8, uncompressed or with gzip, deflate or br.');
    default:
      return refusal.status >= 400 && refusal.status < 500 ? new AppError('malformed', 'The request cannot be read.') : null;
  }
}

/** Codes of the system and of Postgres (SQLSTATE) for what has no room, and for a database that is stopped, starting or out of reach. */
const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', '53100']);
const away = new Set(['ECONNREFUSED', 'ECONNRESET', '57P01', '57P02', '57P03', '08000', '08001', '08003', '08006', '53300']);

/** What helps itself or is helped by an operator: the same request may succeed later. */
function outage(error: unknown): AppError | null {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (typeof code !== 'string') return null;
  if (full.has(code)) return new AppError('unavailable', 'The disk of the server is full. Nothing was kept; try again when there is room.');
  return away.has(code) ? new AppError('unavailable', 'The database cannot be reached at the moment. Try again in a minute.') : null;
}

/** One sentence per issue, with the path as the caller wrote it: `targets[0].id`. */
export function toFieldErrors(issues: readonly z.core.$ZodIssue[], place?: 'query' | 'params'): FieldError[] {
  return issues.slice(0, 100).flatMap((issue): FieldError[] => {
    const field = fieldPath(issue.path);
    if (issue.code === 'unrecognized_keys') {
      const what = place === 'query' ? 'query parameter' : 'field';
      return issue.keys.slice(0, 20).map((key) => {
        const shown = key.slice(0, 100);
        return { field: field === '' ? shown : `${field}.${shown}`, message: `There is no ${what} "${shown}" here. Leave it out.` };
      });
    }
    return [{ field, message: sentence(issue) }];
  });
}

function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`), '');
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.message.includes('received undefined')) return 'This field is required.';
  if (!isUnworded(issue.message)) return issue.message;
  if (issue.code === 'too_small' && issue.origin === 'string' && issue.minimum === 1) return 'This field must not be empty.';
  if (issue.code === 'too_big' && issue.origin === 'string') return `At most ${String(issue.maximum)} characters.`;
  if (issue.code === 'too_small' && issue.origin === 'string') return `At least ${String(issue.minimum)} characters.`;
  switch (issue.code) {
    case 'invalid_type':
      return `Expected ${named(issue.expected)}, got ${named(/received (\S+)$/.exec(issue.message)?.[1] ?? 'something else')}.`;
    case 'invalid_value':
      return `Expected ${issue.values.length === 1 ? '' : 'one of: '}${issue.values.map(String).join(', ')}.`;
    case 'too_big':
      return `At most ${String(issue.maximum)}${issue.origin === 'array' ? ' entries' : ''}.`;
    case 'too_small':
      return `At least ${String(issue.minimum)}${issue.origin === 'array' ? (issue.minimum === 1 ? ' entry' : ' entries') : ''}.`;
    case 'invalid_format':
      return issue.format === 'email' ? 'Expected an address like ada@example.com.' : issue.format === 'uuid' ? 'Expected an id, 36 characters with hyphens.' : 'This text does not have the form that is expected here.';
    case 'invalid_union':
      return 'This value has none of the forms that are allowed here.';
    default:
      return /[.?!…]$/.test(issue.message) ? issue.message : `${issue.message}.`;
  }
}

/** The schema library's own words, where a schema brings none. */
function isUnworded(message: string): boolean {
  return /^(Invalid|Too big|Too small)\b/.test(message);
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text', number: 'a number', int: 'a whole number', NaN: 'something that is no number', boolean: 'true or false', array: 'a list', object: 'an object', record: 'an object', null: 'null', undefined: 'nothing',
};
function named(type: string): string {
  return typeNames[type] ?? type;
}
