import express, { type NextFunction, type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { AppError } from '#domain/shared/errors.ts';
import type { Services } from '../services.ts';
import { once, type Answer } from './idempotency.ts';
import { checkShape, type Limiter } from './limits.ts';
import { sendProblem, toFieldErrors } from './problem.ts';
import type { Route, RouteContext } from './route.ts';
import { authorize, refuseForgery, type Authenticate, type Identity } from './session.ts';

/** Routes of different schemas in one array: handlers take what their own schemas made. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a handler's context is contravariant, only `any` holds them all
export type AnyRoute = Route<any, any, any, any>;

export interface MountOptions {
  readonly services: Services;
  readonly authenticate: Authenticate;
  /** Per key or user; public routes have limits of their own in their services. */
  readonly limiter: Limiter;
  /** Called once per answer, for the metrics. */
  readonly observe?: (route: AnyRoute, status: number, seconds: number) => void;
}

const DEFAULT_BODY_LIMIT = 256 * 1024;

/**
 * Puts routes under one router. For each request, in this order: who asks, may she, is it forged,
 * is it too often, is every field known and right, was it asked before; then the handler, whose
 * reply leaves only through the route's schema, so a new column never leaks.
 * @throws Error at start when a route declares no capability, or two routes have one address
 */
export function mountRoutes(routes: readonly AnyRoute[], options: MountOptions): Router {
  const router = Router({ strict: false, caseSensitive: true });
  const seen = new Set<string>();
  for (const route of [...routes].sort(literalFirst)) {
    const address = `${route.method.toUpperCase()} ${route.path}`;
    if ((route.capability as unknown) === undefined) throw new Error(`${address} declares no capability and stays closed.`);
    if (seen.has(address)) throw new Error(`${address} is mounted twice.`);
    seen.add(address);
    router[route.method](route.path, guard(route, options), ...parsers(route), (req, res, next) => void answer(route, req, res, options).catch(next));
  }
  return router;
}

/** `/lists/count` before `/lists/:id`, whatever file they come from. */
function literalFirst(a: AnyRoute, b: AnyRoute): number {
  return sortKey(a.path) < sortKey(b.path) ? -1 : 1;
}
function sortKey(path: string): string {
  return path.replaceAll(':', '\u007f');
}

interface Prepared {
  readonly identity: Identity | null;
  readonly startedAt: number;
}
const prepared = new WeakMap<Request, Prepared>();

function guard(route: AnyRoute, options: MountOptions) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    res.once('finish', () => options.observe?.(route, res.statusCode, (performance.now() - startedAt) / 1_000));
    const admit = async () => {
      const identity = await options.authenticate(req, res);
      refuseForgery(req, identity, options.services.container.config.FERMATA_BASE_URL);
      authorize(route, identity);
      if (identity !== null) await options.limiter.take(`${identity.actor.kind} ${identity.actor.id}`, res);
      prepared.set(req, { identity, startedAt });
    };
    admit().then(() => next(), next);
  };
}

/** Without a body schema nothing is read; a JSON body must say that it is JSON. */
function parsers(route: AnyRoute): express.RequestHandler[] {
  if (route.bodyMode === 'stream') return [];
  const json = express.json({ limit: route.bodyLimit ?? DEFAULT_BODY_LIMIT, strict: false, type: ['application/json', 'application/*+json'] });
  return [
    (req, _res, next) => {
      const hasBody = req.get('transfer-encoding') !== undefined || Number(req.get('content-length') ?? 0) > 0;
      if (hasBody && !req.is(['application/json', 'application/*+json'])) {
        next(new AppError('unsupported', 'Send the body as JSON with Content-Type: application/json.'));
        return;
      }
      next();
    },
    json,
  ];
}

async function answer(route: AnyRoute, req: Request, res: Response, options: MountOptions): Promise<void> {
  const identity = prepared.get(req)?.identity ?? null;
  const requestId = res.get('X-Request-Id') ?? '';
  const context = {
    ...validate(route, req),
    org: identity?.org ?? '', role: identity?.role ?? 'member', scopes: identity?.scopes ?? null,
    actor: identity?.actor ?? { kind: 'user', id: '', name: '', email: null },
    requestId, services: options.services, req, res,
  } as RouteContext<unknown, unknown, unknown>;
  const run = async (): Promise<Answer> => {
    const result: unknown = await route.handle(context);
    if (route.reply === 'stream') return { status: res.statusCode, body: undefined };
    if (route.reply === null) return { status: route.status ?? 204, body: undefined };
    return { status: route.status ?? 200, body: (route.reply as z.ZodType).parse(result) };
  };
  if (route.idempotent !== true || identity?.org == null) {
    send(route, res, await run());
    return;
  }
  const { answer: first, repeated } = await once(options.services.container.tenants, identity.org, `${route.method} ${route.path}`, req, identity.actor.id, run);
  if (repeated) res.set('Idempotency-Replayed', 'true');
  if (repeated && route.bodyMode === 'stream') req.resume();
  send(route, res, first);
}

function send(route: AnyRoute, res: Response, { status, body }: Answer): void {
  if (route.reply === 'stream') return;
  res.set('Cache-Control', 'no-store').status(status);
  if (route.reply === null) res.end();
  else res.json(body);
}

/**
 * Params, query and body by their schemas; top-level objects are strict whatever the schema says.
 * An id that cannot be one names nothing: 404, not 422.
 * @throws AppError `not_found`, `invalid` with every field at once
 */
function validate(route: AnyRoute, req: Request): { params: unknown; query: unknown; body: unknown } {
  const params = (route.params as z.ZodType | undefined ?? z.record(z.string(), z.string())).safeParse(req.params);
  if (!params.success) throw new AppError('not_found', 'There is nothing at this address.');
  const query = strict(route.query).safeParse(req.query);
  const raw: unknown = req.body;
  checkShape(req.query);
  if (route.bodyMode !== 'stream') checkShape(raw, route.valueLimit);
  const body = route.bodyMode === 'stream' ? { success: true as const, data: undefined } : strict(route.body).safeParse(raw ?? {});
  const errors = [
    ...(query.success ? [] : toFieldErrors(query.error.issues, 'query')),
    ...(body.success ? [] : toFieldErrors(body.error.issues)),
  ];
  if (!query.success || !body.success) {
    const first = errors[0];
    const detail = first === undefined ? 'The input is not valid.' : first.field === '' ? first.message : `${first.field}: ${first.message}`;
    throw new AppError('invalid', detail, errors);
  }
  return { params: params.data, query: query.data, body: body.data };
}

function strict(schema: unknown): z.ZodType {
  if (schema === undefined) return z.strictObject({});
  return schema instanceof z.ZodObject ? schema.strict() : (schema as z.ZodType);
}

/** The end of every chain: unknown addresses and whatever was thrown become problem documents. */
export function problemHandlers(services: Services): { notFound: express.RequestHandler; failed: express.ErrorRequestHandler } {
  const { logger } = services.container;
  return {
    notFound: (req, res) => sendProblem(new AppError('not_found', `There is nothing at ${req.method} ${req.originalUrl.split('?')[0]!.slice(0, 200)}.`), req, res, res.get('X-Request-Id') ?? '', logger),
    failed: (error: unknown, req: Request, res: Response, _next: NextFunction) => sendProblem(error, req, res, res.get('X-Request-Id') ?? '', logger),
  };
}
