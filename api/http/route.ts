import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Capability, Role } from '#domain/access.ts';
import type { Services } from '../services.ts';

/** Who asks: a person by her session, a program by its key, or nobody on a public route. */
export interface Actor {
  readonly kind: 'user' | 'api_key';
  /** User id, or the key's id. */
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
}

/** What a handler gets. `org` and `role` are there on every route whose capability is not `public` or `session`. */
export interface RouteContext<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The organization, from the session or key alone. */
  readonly org: string;
  readonly role: Role;
  /** Of an API key, for what its route's own scope does not decide; null for people, whose role decides alone. */
  readonly scopes: readonly string[] | null;
  readonly actor: Actor;
  readonly requestId: string;
  readonly services: Services;
  readonly req: Request;
  readonly res: Response;
}

/**
 * `public`: nobody need be logged in. `session`: a logged-in user, with or without an organization.
 * Anything else: that capability in the organization of the session or key.
 */
export type Access = Capability | 'public' | 'session';

/**
 * One endpoint: validation, OpenAPI, the UI's client and the permission test read this object.
 * Paths are relative to `/api/v1` and written as Express has them (`/lists/:id`).
 */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly capability: Access;
  /** One sentence for the API reference. */
  readonly summary: string;
  /** Groups routes in the API reference: the resource's name. */
  readonly tag: string;
  /** Scope an API key needs, like `lists:write`; without it keys are refused. */
  readonly scope?: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** `null` for 204; `'stream'`: the handler writes the response itself (files, server-sent events). */
  readonly reply: Reply | null | 'stream';
  /** Status of success; 200 by default, 204 without a reply. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Honours `Idempotency-Key`: the same key with the same body answers the same for 24 h. */
  readonly idempotent?: boolean;
  /** `'stream'`: the body is not parsed, the handler reads `req` (uploads). */
  readonly bodyMode?: 'json' | 'stream';
  /** Largest JSON body in bytes; 256 KiB by default. */
  readonly bodyLimit?: number;
  /** Most values in a JSON body; 100,000 by default. */
  readonly valueLimit?: number;
  handle(context: RouteContext<z.infer<Params>, z.infer<Query>, z.infer<Body>>): Promise<Reply extends z.ZodType ? z.input<Reply> : void>;
}

/** Infers the types of one route from its schemas. */
export function route<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType, Reply extends z.ZodType>(
  definition: Route<Params, Query, Body, Reply>,
): Route<Params, Query, Body, Reply> {
  return definition;
}
