import createClient, { createFinalURL, createQuerySerializer, defaultPathSerializer } from 'openapi-fetch';
import type { paths } from './schema.d.ts';
import type { Body, FieldProblem, Method, PathOf, Place, Problem, Query, Reply } from './types.ts';

/** What the API refused, in its own words, with the request id a person can quote. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: readonly FieldProblem[];
  readonly requestId: string | null;

  constructor(status: number, code: string, message: string, fields: readonly FieldProblem[], requestId: string | null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.requestId = requestId;
  }
}

const apiBase = '/api/v1';

/** Called when the session has ended: the shell sends the person to the login page. */
export const session = { ended: (): void => {} };

const http = createClient<paths>({ baseUrl: apiBase, credentials: 'same-origin' });
http.use({
  onRequest({ request }) {
    // Cross-site forms cannot set a header of their own: the API takes changes from a session only with this one.
    if (request.method !== 'GET') request.headers.set('x-requested-by', 'fermata');
  },
  async onResponse({ response, schemaPath }) {
    if (response.ok) return;
    if (response.status === 401 && !schemaPath.startsWith('/auth/')) session.ended();
    throw await refusal(response);
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return error;
    return unreachable();
  },
});

const unreachable = () => new ApiError(0, 'unreachable', 'The server cannot be reached. Check that Fermata is running.', [], null);

async function refusal(response: Response): Promise<ApiError> {
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Partial<Problem>;
  } catch {
    // A proxy in between may answer with something that is not a problem document; status and id still stand.
  }
  const message = problem.detail ?? problem.title ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, problem.code ?? 'unknown', message, problem.errors ?? [], response.headers.get('x-request-id'));
}

type Part<Name extends string, Value> = [Value] extends [never] ? object : Record<Name, Value>;
type Options<Path extends keyof paths, M extends Method> = Part<'path', Place<Path, M>> & Part<'body', Body<Path, M>> & {
  query?: Query<Path, M>;
  signal?: AbortSignal;
  /** Makes a repeated launch, import or test mail count once. */
  idempotencyKey?: string;
};
type Arguments<Path extends keyof paths, M extends Method> = object extends Options<Path, M> ? [options?: Options<Path, M>] : [options: Options<Path, M>];
interface AnyOptions { path?: object; query?: object; body?: unknown; signal?: AbortSignal; idempotencyKey?: string }

async function send(method: Method, path: keyof paths, options: AnyOptions = {}, parseAs: 'json' | 'text' = 'json'): Promise<unknown> {
  const { path: place, query, body, signal, idempotencyKey } = options;
  const isFile = body instanceof Blob;
  // What a call takes was checked where it was made; from here on methods and paths are all alike.
  const request = http.request as unknown as (method: Method, path: string, init: object) => Promise<{ data?: unknown }>;
  const { data } = await request(method, path, {
    params: { path: place, query },
    body,
    parseAs,
    headers: { ...(isFile ? { 'content-type': 'application/octet-stream' } : {}), ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}) },
    ...(isFile ? { bodySerializer: (file: Blob) => file } : {}),
    ...(signal ? { signal } : {}),
  });
  return data;
}

const method = <M extends Method>(name: M) =>
  <Path extends PathOf<M>>(path: Path, ...[options]: Arguments<Path, M>) => send(name, path, options as AnyOptions) as Promise<Reply<Path, M>>;

/**
 * The calls of the API, by method: the path is one of its description, and the types of what goes and what comes follow from it.
 * @returns the reply's JSON; undefined for an empty reply
 * @throws ApiError for every refusal, and with status 0 when the server cannot be reached
 */
export const get = method('get');
export const post = method('post');
export const put = method('put');
export const patch = method('patch');
export const remove = method('delete');
/**
 * Sends a file as the raw body and tells how much of it has left: what `fetch` cannot say, and two gigabytes take a while.
 * @param onShare 0 to 1
 */
export function upload<Path extends PathOf<'post'>>(path: Path, query: Query<Path, 'post'>, file: Blob, onShare: (share: number) => void): Promise<Reply<Path, 'post'>> {
  return new Promise((done, refused) => {
    const request = new XMLHttpRequest();
    request.open('POST', createFinalURL(path, { baseUrl: apiBase, params: { query }, querySerializer: createQuerySerializer<unknown>(), pathSerializer: defaultPathSerializer }));
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.setRequestHeader('x-requested-by', 'fermata');
    request.upload.onprogress = ({ loaded, total }) => onShare(total === 0 ? 0 : loaded / total);
    request.onerror = () => refused(unreachable());
    request.onload = () => {
      if (request.status < 300) return done(JSON.parse(request.responseText) as Reply<Path, 'post'>);
      if (request.status === 401) session.ended();
      const id = request.getResponseHeader('x-request-id');
      void refusal(new Response(request.responseText, { status: request.status, headers: id === null ? {} : { 'x-request-id': id } })).then(refused);
    };
    request.send(file);
  });
}

/** A reply that is not JSON, as it came. */
export const getText = <Path extends PathOf<'get'>>(path: Path, ...[options]: Arguments<Path, 'get'>) => send('get', path, options as AnyOptions, 'text') as Promise<string>;

/** The address of a stream or a file, for whoever reads it without this client: event sources and links. */
export function address<Path extends PathOf<'get'>>(path: Path, ...[options]: Arguments<Path, 'get'>): string {
  const { path: place = {}, query = {} } = (options ?? {}) as { path?: Record<string, unknown>; query?: Record<string, unknown> };
  return createFinalURL(path, { baseUrl: apiBase, params: { path: place, query }, querySerializer: createQuerySerializer<unknown>(), pathSerializer: defaultPathSerializer });
}
