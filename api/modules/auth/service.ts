import { randomBytes } from 'node:crypto';
import { fromNodeHeaders } from 'better-auth/node';
import type { Request, Response } from 'express';
import { capabilities, type Capability } from '#domain/access.ts';
import { allows } from '#domain/access.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import { hashPassword, isOutdated, sessionCookieName, SESSION_IDLE_SECONDS, signCookie, type Auth } from '../../auth.ts';
import { createLimiter } from '../../http/limits.ts';
import type { RouteContext } from '../../http/route.ts';
import type { AuditService } from '../audit/service.ts';
import type { OrganizationService } from '../organization/service.ts';
import { isCommonPassword } from './common-passwords.ts';
import type { Identities } from './identity.ts';

export type AccountService = ReturnType<typeof createAccountService>;
type Caller = Pick<RouteContext<unknown, unknown, unknown>, 'actor' | 'org' | 'role'>;

interface Needs {
  readonly container: Container;
  readonly auth: Auth;
  readonly identities: Identities;
  readonly audit: AuditService;
  readonly organizations: OrganizationService;
}

const WRONG = 'The email address or the password is wrong.';
const PASSWORD_HASH = /* sql */ `select password as hash from account where "userId" = $1 and "providerId" = 'credential' and password is not null`;

/** Logins, tokens, passwords and one's own profile. Nothing here says whether an account exists. */
export function createAccountService({ container, auth, identities, audit, organizations }: Needs) {
  const { control, config, secrets, logger } = container;
  const later = (seconds: number) => `Too many attempts. Try again in ${seconds} seconds.`;
  const byAccount = createLimiter(10, 60, later, { pool: container.controlPool, name: 'account' });
  const byAddress = createLimiter(100, 60, later, { pool: container.controlPool, name: 'address' });

  async function limit(req: Request, res: Response, email: string): Promise<void> {
    await byAddress.take(req.ip ?? '');
    await byAccount.take(`${req.ip ?? ''} ${email.toLowerCase()}`, res);
  }

  /** Checks the password and opens a session, whose cookie is returned. @throws AppError `unauthenticated`, `rate_limited` */
  async function signIn(req: Request, res: Response, email: string, password: string): Promise<{ userId: string; cookies: string[]; token: string }> {
    await limit(req, res, email);
    try {
      const { headers, response } = await auth.api.signInEmail({ body: { email: email.trim().toLowerCase(), password }, headers: fromNodeHeaders({ 'user-agent': req.get('user-agent') }), returnHeaders: true });
      await upgradeHash(response.user.id, password);
      return { userId: response.user.id, cookies: headers.getSetCookie(), token: response.token };
    } catch (error) {
      if (isRefusal(error)) throw new AppError('unauthenticated', WRONG);
      throw error;
    }
  }

  /** An older hash of the password that was just right gives way to one of today's, unless she changes it at this moment. */
  async function upgradeHash(userId: string, password: string): Promise<void> {
    const account = await control.first<{ hash: string }>(PASSWORD_HASH, [userId]);
    if (account === undefined || !isOutdated(account.hash)) return;
    await control.run(`update account set password = $3 where "userId" = $1 and "providerId" = 'credential' and password = $2`, [userId, account.hash, await hashPassword(password)]);
  }

  async function me({ actor, org, role }: Caller) {
    const user = await control.first<{ id: string; name: string; email: string }>('select id, name, email from "user" where id = $1', [actor.id]);
    if (user === undefined) throw new AppError('unauthenticated', 'Log in again.');
    const organization = org === '' ? null : await organizations.get(org);
    return {
      user, organization, role: organization === null ? null : role,
      capabilities: organization === null ? [] : (Object.keys(capabilities) as Capability[]).filter((capability) => allows(role, capability)),
      organizations: await organizations.of(user.id),
    };
  }

  return {
    async login(req: Request, res: Response, email: string, password: string) {
      const { userId, cookies } = await signIn(req, res, email, password);
      for (const cookie of cookies) res.append('Set-Cookie', cookie);
      const memberships = await organizations.of(userId);
      const user = await control.first<{ id: string; name: string; email: string }>('select id, name, email from "user" where id = $1', [userId]);
      const organizationId = (await firstOrganization(control, userId)) ?? null;
      for (const { id } of memberships) await audit.record(id, user?.name ?? '', 'login', null);
      return { user: user ?? { id: userId, name: '', email }, organizations: memberships, organizationId };
    },
    async logout(req: Request, res: Response): Promise<void> {
      const { headers } = await auth.api.signOut({ headers: fromNodeHeaders(req.headers), returnHeaders: true });
      for (const cookie of headers.getSetCookie()) res.append('Set-Cookie', cookie);
      identities.forget();
    },
    async token(req: Request, res: Response, email: string, password: string, organizationId?: string) {
      const { userId, token } = await signIn(req, res, email, password);
      await control.run('delete from session where token = $1', [token]);
      const org = organizationId ?? (await firstOrganization(control, userId));
      if (org === undefined) throw new AppError('forbidden', 'You do not belong to an organization. Ask for an invitation.');
      return { ...(await identities.issueToken(userId, org)), organizationId: org };
    },
    /** Answers the same and as fast for unknown addresses; the mail leaves in the background. */
    async forgotPassword(req: Request, res: Response, email: string): Promise<void> {
      await limit(req, res, email);
      auth.api.requestPasswordReset({ body: { email: email.trim().toLowerCase() } }).catch((error: unknown) => logger.error({ err: error }, 'a password reset mail was not sent'));
    },
    async resetPassword(token: string, password: string): Promise<void> {
      checkPassword('password', password);
      try {
        await auth.api.resetPassword({ body: { token, newPassword: password } });
      } catch (error) {
        if (isRefusal(error)) throw refuse('token', 'This link was used or has expired. Ask for a new one.');
        throw error;
      }
      identities.forget();
    },
    /** Needs the current password; ends every other session and all tokens. */
    async changePassword(req: Request, res: Response, actor: Caller['actor'], currentPassword: string, newPassword: string): Promise<void> {
      checkPassword('newPassword', newPassword);
      await byAccount.take(`password ${actor.id}`);
      const { hash } = (await control.first<{ hash: string }>(PASSWORD_HASH, [actor.id])) ?? { hash: '' };
      const context = await auth.$context;
      if (!(await context.password.verify({ hash, password: currentPassword }))) throw refuse('currentPassword', 'This is not your current password.');
      const next = await hashPassword(newPassword);
      await control.transaction(async (tx) => {
        await tx.run(`update account set password = $2, "updatedAt" = now() where "userId" = $1 and "providerId" = 'credential'`, [actor.id, next]);
        await tx.run('delete from session where "userId" = $1', [actor.id]);
      });
      identities.forget();
      if (req.get('authorization') === undefined) await openSession(res, actor.id);
    },
    me,
    async rename(caller: Caller, name: string | undefined) {
      if (name !== undefined) await control.run('update "user" set name = $2, "updatedAt" = now() where id = $1', [caller.actor.id, name]);
      identities.forget();
      return me(caller);
    },
    /** Makes another of her organizations the one of this session. @throws AppError `not_found` for one she does not belong to */
    async switchOrganization(req: Request, actor: Caller['actor'], organizationId: string) {
      const membership = (await organizations.of(actor.id)).find((each) => each.id === organizationId);
      if (membership === undefined) throw new AppError('not_found', 'This organization does not exist.');
      const session = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
      if (session === null) throw refuse('organizationId', 'A token belongs to one organization. Ask for a token of the other.');
      await control.run('update session set "activeOrganizationId" = $2 where id = $1', [session.session.id, organizationId]);
      identities.forget();
      return me({ actor, org: organizationId, role: membership.role });
    },
    openSession,
  };

  /** Logs a user in without asking for the password: after set-up, an accepted invitation, a changed password. */
  async function openSession(res: Response, userId: string): Promise<void> {
    const token = randomBytes(32).toString('base64url');
    await control.run(
      `insert into session (id, "expiresAt", token, "createdAt", "updatedAt", "userId") values ($1, now() + make_interval(secs => $2), $3, now(), now(), $4)`,
      [newId(), SESSION_IDLE_SECONDS, token, userId],
    );
    const secure = config.FERMATA_BASE_URL.startsWith('https:') ? '; Secure' : '';
    res.append('Set-Cookie', `${sessionCookieName(config.FERMATA_BASE_URL)}=${signCookie(token, secrets)}; Max-Age=${SESSION_IDLE_SECONDS}; Path=/; HttpOnly; SameSite=Lax${secure}`);
  }
}

/** Writes a user with a password in the caller's transaction. @returns her id */
export async function recordUser(tx: Sql, user: { readonly name: string; readonly email: string; readonly passwordHash: string }): Promise<string> {
  const id = newId();
  await tx.run('insert into "user" (id, name, email, "emailVerified") values ($1, $2, $3, true)', [id, user.name, user.email.trim().toLowerCase()]);
  await tx.run(`insert into account (id, "accountId", "providerId", "userId", password, "updatedAt") values ($1, $2, 'credential', $2, $3, now())`, [newId(), id, user.passwordHash]);
  return id;
}

/** Length is the schema's; this refuses what everybody guesses. @throws AppError `invalid` */
export function checkPassword(field: string, password: string): void {
  if (isCommonPassword(password)) throw refuse(field, 'This password is among the first that are tried. Choose another, best a few unrelated words.');
}

async function firstOrganization(control: Sql, userId: string): Promise<string | undefined> {
  return (await control.first<{ id: string }>('select "organizationId" as id from member where "userId" = $1 order by "createdAt", id limit 1', [userId]))?.id;
}

/** better-auth throws errors with a status for what it refuses; anything else is a fault. */
function isRefusal(error: unknown): boolean {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' && status >= 400 && status < 500;
}
