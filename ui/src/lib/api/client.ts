import type { FieldProblem } from './types.ts';

/** What the API refused, in its own words, with the request id a person can quote. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: FieldProblem[];
  readonly requestId: string | null;

  constructor(status: number, code: string, message: string, fields: FieldProblem[], requestId: string | null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.requestId = requestId;
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

interface RequestOptions {
  query?: Query;
  body?: unknown;
  /** Sent as it is, with this content type: files. */
  raw?: { content: Blob; type: string };
  signal?: AbortSignal;
  /** Makes a repeated launch, import or test mail count once. */
  idempotencyKey?: string;
}

export const apiBase = '/api/v1';

/** Called when the session has ended: the shell sends the person to the login page. */
export const session = { ended: (): void => {} };

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return `${apiBase}${path}${text ? `?${text}` : ''}`;
}

/**
 * One request to the API.
 * @returns the reply's JSON; undefined for an empty reply
 * @throws ApiError for every refusal, and with status 0 when the server cannot be reached
 */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  // Cross-site forms cannot set a header of their own: the API takes changes from a session only with this one.
  if (method !== 'GET') headers['x-requested-by'] = 'fermata';
  if (options.idempotencyKey) headers['idempotency-key'] = options.idempotencyKey;
  let body: BodyInit | null = null;
  if (options.raw) {
    headers['content-type'] = options.raw.type;
    body = options.raw.content;
  } else if (options.body !== undefined) {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(address(path, options.query), { method, headers, body, credentials: 'same-origin', signal: options.signal ?? null });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', 'The server cannot be reached. Check that Fermata is running.', [], null);
  }
  if (response.ok) {
    const text = await response.text();
    return (text ? (JSON.parse(text) as T) : undefined) as T;
  }
  throw await refusal(response, path);
}

async function refusal(response: Response, path: string): Promise<ApiError> {
  const requestId = response.headers.get('x-request-id');
  let problem: { title?: string; detail?: string; code?: string; errors?: FieldProblem[]; requestId?: string } = {};
  try {
    problem = (await response.json()) as typeof problem;
  } catch {
    // A proxy in between may answer with something that is not a problem document; status and id still stand.
  }
  if (response.status === 401 && !path.startsWith('/auth/')) session.ended();
  return new ApiError(
    response.status,
    problem.code ?? 'unknown',
    problem.detail ?? problem.title ?? `The server answered ${response.status}.`,
    problem.errors ?? [],
    requestId ?? problem.requestId ?? null,
  );
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) => request<T>('GET', path, { ...(query ? { query } : {}), ...(signal ? { signal } : {}) });
export const post = <T>(path: string, body?: unknown, idempotencyKey?: string) => request<T>('POST', path, { ...(body === undefined ? {} : { body }), ...(idempotencyKey ? { idempotencyKey } : {}) });
export const patch = <T>(path: string, body: unknown) => request<T>('PATCH', path, { body });
export const remove = (path: string, body?: unknown) => request<void>('DELETE', path, body === undefined ? {} : { body });
