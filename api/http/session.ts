import type { Request, Response } from 'express';
import type { Role } from '#domain/access.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Actor, Route } from './route.ts';
import { allows } from '#domain/access.ts';

/** Who sent a request, as the authenticator found out. */
export interface Identity {
  readonly actor: Actor;
  /** `cookie`: a browser, which needs protection against forged requests; the others carry their secret by hand. */
  readonly by: 'cookie' | 'token' | 'key';
  /** Null for a user who belongs to no organization. */
  readonly org: string | null;
  readonly role: Role | null;
  /** Of an API key; null for people, whose role decides alone. */
  readonly scopes: readonly string[] | null;
}

/** Finds the caller of a request, or null for nobody. `res` takes a refreshed cookie. */
export type Authenticate = (req: Request, res: Response) => Promise<Identity | null>;

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses requests another site could have made in the person's browser (ASVS 3.5): a cookie with an
 * unsafe method needs the header no form can set, and the browser's own word on where it came from.
 * @throws AppError `forbidden`
 */
export function refuseForgery(req: Request, identity: Identity | null, baseUrl: string): void {
  if (SAFE_METHODS.has(req.method)) return;
  const site = req.get('sec-fetch-site');
  const origin = req.get('origin');
  if (identity === null || identity.by === 'cookie') {
    const own = origin === undefined || origin === new URL(baseUrl).origin || URL.parse(origin)?.host === req.get('host');
    if (site === 'cross-site' || !own) throw new AppError('forbidden', 'This request came from another site and was refused.');
  }
  if (identity?.by === 'cookie' && req.get('x-requested-by') !== 'fermata') {
    throw new AppError('forbidden', 'Send the header X-Requested-By: fermata with requests that change something.');
  }
}

/**
 * Decides whether a caller may use a route: denied unless the route's own declaration allows it.
 * Routes of 404 answers look the same for absent and foreign ids; this concerns the route itself.
 * @throws AppError `unauthenticated`, `forbidden`
 */
export function authorize(route: Pick<Route, 'capability' | 'scope'>, identity: Identity | null): void {
  if (route.capability === 'public') return;
  if (identity === null) throw new AppError('unauthenticated', 'Log in, or send an API key or a token as "Authorization: Bearer …".');
  if (identity.scopes !== null) {
    if (route.scope === undefined) throw new AppError('forbidden', 'API keys are not allowed here. Log in as a user.');
    if (!covers(identity.scopes, route.scope)) throw new AppError('forbidden', `This API key lacks the scope ${route.scope}.`);
  }
  if (route.capability === 'session') return;
  if (identity.org === null || identity.role === null) throw new AppError('forbidden', 'You do not belong to an organization. Ask for an invitation.');
  if (!allows(identity.role, route.capability)) throw new AppError('forbidden', `Your role (${identity.role}) does not allow this. Ask an owner or admin.`);
}

/** `x:write` includes `x:read`. */
export function covers(scopes: readonly string[], wanted: string): boolean {
  return scopes.includes(wanted) || (wanted.endsWith(':read') && scopes.includes(wanted.replace(/:read$/, ':write')));
}
