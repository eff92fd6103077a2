import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { fromNodeHeaders } from 'better-auth/node';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';
import type { Role } from '#domain/access.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { SESSION_MAX_SECONDS, type Auth } from '../../auth.ts';
import type { Authenticate, Identity } from '../../http/session.ts';

/** A removed member, a revoked key, a changed password: nobody is let in longer than this. */
const CACHE_MS = 1_000;
export const TOKEN_SECONDS = 12 * 60 * 60;

export interface Identities {
  readonly authenticate: Authenticate;
  /** A bearer token for one organization; dies with the membership, the password, and after 12 h. */
  issueToken(userId: string, org: string): Promise<{ token: string; expiresAt: string }>;
  /** What this process remembers of sessions and memberships: after a logout or a switch. */
  forget(): void;
}

interface Claims { readonly sub: string; readonly org: string; readonly pwd: string; readonly exp: number }
interface MemberRow { readonly name: string; readonly email: string; readonly role: Role; readonly password: string }
interface KeyRow { readonly id: string; readonly name: string; readonly org: string; readonly scopes: string[]; readonly hash: Buffer; readonly expiresAt: Date | null; readonly revokedAt: Date | null; readonly createdBy: string }

const KEY = /* sql */ `select id, name, org_id as org, scopes, hash, expires_at as "expiresAt", revoked_at as "revokedAt", created_by as "createdBy" from api_key where prefix = $1`;
const MEMBER = /* sql */ `
select u.name, u.email, m.role, coalesce(a.password, '') as password
from member m join "user" u on u.id = m."userId"
left join account a on a."userId" = u.id and a."providerId" = 'credential'
where m."userId" = $1 and m."organizationId" = $2`;

/**
 * Who sent a request: a session cookie, a bearer token, or an API key. The organization comes from these
 * alone, never from what the request says. Tokens are HS256, made with the sessions' key.
 */
export function createIdentities({ control, secrets, clock }: Pick<Container, 'control' | 'secrets' | 'clock'>, auth: Auth): Identities {
  const key = secrets.derive('sessions', 'token');
  const found = new LRUCache<string, { identity: Identity | null }>({ max: 10_000, ttl: CACHE_MS });
  const touched = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 });
  const sign = (text: string) => createHmac('sha256', key).update(text).digest();
  const member = (userId: string, org: string) => control.first<MemberRow>(MEMBER, [userId, org]);

  async function remembered(secret: string, look: () => Promise<Identity | null>): Promise<Identity | null> {
    const name = createHash('sha256').update(secret).digest('base64url');
    const known = found.get(name);
    if (known !== undefined) return known.identity;
    const identity = await look();
    found.set(name, { identity });
    return identity;
  }

  async function byCookie(req: Request, res: Response): Promise<Identity | null> {
    const { headers, response } = await auth.api.getSession({ headers: fromNodeHeaders(req.headers), returnHeaders: true });
    if (response === null) return null;
    const { user, session } = response;
    if (clock.now() - new Date(session.createdAt).getTime() > SESSION_MAX_SECONDS * 1_000) {
      await control.run('delete from session where id = $1', [session.id]);
      return null;
    }
    for (const cookie of headers.getSetCookie()) res.append('Set-Cookie', cookie);
    const membership = await control.first<{ org: string; role: Role }>(
      // The organization last chosen, else the one joined first.
      `select "organizationId" as org, role from member where "userId" = $1 order by ("organizationId" = $2) desc nulls last, "createdAt", id limit 1`,
      [user.id, session.activeOrganizationId ?? null],
    );
    return { actor: { kind: 'user', id: user.id, name: user.name, email: user.email }, by: 'cookie', org: membership?.org ?? null, role: membership?.role ?? null, scopes: null };
  }

  async function byToken(token: string): Promise<Identity | null> {
    const [head, body, signature, rest] = token.split('.');
    if (head === undefined || body === undefined || signature === undefined || rest !== undefined) return null;
    const given = Buffer.from(signature, 'base64url');
    const own = sign(`${head}.${body}`);
    if (given.length !== own.length || !timingSafeEqual(given, own)) return null;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Claims;
    if (claims.exp * 1_000 <= clock.now()) return null;
    const row = await member(claims.sub, claims.org);
    if (row === undefined || fingerprint(row.password) !== claims.pwd) return null;
    return { actor: { kind: 'user', id: claims.sub, name: row.name, email: row.email }, by: 'token', org: claims.org, role: row.role, scopes: null };
  }

  async function byKey(secret: string): Promise<Identity | null> {
    const prefix = /^fk_([A-Za-z0-9]{8})_[A-Za-z0-9_-]{43}$/.exec(secret)?.[1];
    if (prefix === undefined) return null;
    const row = await control.first<KeyRow>(KEY, [prefix]);
    if (row === undefined || !timingSafeEqual(createHash('sha256').update(secret).digest(), row.hash)) return null;
    if (row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt.getTime() <= clock.now())) return null;
    if (!touched.has(row.id)) {
      touched.set(row.id, true);
      await control.run('update api_key set last_used_at = now() where id = $1', [row.id]);
    }
    // Scopes bound what a key may do; beneath them it is an admin, never an owner.
    return { actor: { kind: 'api_key', id: row.id, name: row.name, email: null }, by: 'key', org: row.org, role: 'admin', scopes: row.scopes };
  }

  return {
    async authenticate(req, res) {
      const authorization = req.get('authorization');
      if (authorization !== undefined) {
        const secret = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(authorization)?.[1];
        const identity = secret === undefined ? null : await remembered(secret, () => (secret.startsWith('fk_') ? byKey(secret) : byToken(secret)));
        if (identity === null) throw new AppError('unauthenticated', 'This token or API key is not valid, has expired or was revoked.');
        return identity;
      }
      const cookie = req.get('cookie');
      return cookie === undefined ? null : remembered(cookie, () => byCookie(req, res));
    },
    async issueToken(userId, org) {
      const row = await member(userId, org);
      if (row === undefined) throw new AppError('forbidden', 'You do not belong to this organization.');
      const exp = Math.floor(clock.now() / 1_000) + TOKEN_SECONDS;
      const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: userId, org, pwd: fingerprint(row.password), exp } satisfies Claims)}`;
      return { token: `${text}.${sign(text).toString('base64url')}`, expiresAt: new Date(exp * 1_000).toISOString() };
    },
    forget: () => found.clear(),
  };
}

/** Changes with the password, says nothing about it. */
function fingerprint(passwordHash: string): string {
  return createHash('sha256').update(passwordHash).digest('base64url').slice(0, 16);
}
