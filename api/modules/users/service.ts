import type { Role } from '#domain/access.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Response } from 'express';
import type { Container } from '../../../infra/container.ts';
import { newId } from '../../../infra/ids.ts';
import type { SystemMail } from '../../../infra/mail/system-mail.ts';
import { hashPassword } from '../../auth.ts';
import type { Actor } from '../../http/route.ts';
import type { AuditService } from '../audit/service.ts';
import { checkPassword, recordUser, type AccountService } from '../auth/service.ts';
import type { Identities } from '../auth/identity.ts';

export type UserService = ReturnType<typeof createUserService>;
type GivenRole = 'admin' | 'member';
interface UserRow { readonly id: string; readonly name: string; readonly email: string; readonly role: Role }
interface InvitationRow { readonly id: string; readonly email: string; readonly role: Role; readonly createdAt: Date; readonly expiresAt: Date }

const USERS = `select u.id, u.name, u.email, m.role from member m join "user" u on u.id = m."userId" where m."organizationId" = $1`;
const INVITATIONS = `select id, email, role, "createdAt", "expiresAt" from invitation where "organizationId" = $1 and status = 'pending' and "expiresAt" > now()`;

interface Needs { readonly container: Container; readonly mail: SystemMail; readonly audit: AuditService; readonly accounts: AccountService; readonly identities: Identities }

/** People of an organization. The owner is neither removed nor demoted; what a removed person made stays. */
export function createUserService({ container, mail, audit, accounts, identities }: Needs) {
  const { control, config, logger } = container;

  async function member(org: string, id: string): Promise<UserRow> {
    const row = await control.first<UserRow>(`${USERS} and u.id = $2`, [org, id]);
    if (row === undefined) throw notFound('user');
    return row;
  }

  return {
    async list(org: string) {
      const users = await control.rows<UserRow>(`${USERS} order by lower(u.name), u.id`, [org]);
      return { data: users.map((user) => ({ ...toUser(user), status: 'active' as const })), nextCursor: null, count: users.length };
    },
    async invitations(org: string) {
      const rows = await control.rows<InvitationRow>(`${INVITATIONS} order by "createdAt" desc`, [org]);
      return { data: rows.map(toInvitation), nextCursor: null, count: rows.length };
    },
    /** Valid for 7 days; inviting again replaces the old link. */
    async invite(org: string, actor: Actor, email: string, role: GivenRole) {
      const address = email.trim().toLowerCase();
      const known = await control.first(`${USERS} and u.email = $2`, [org, address]);
      if (known !== undefined) throw refuse('email', 'This person belongs to the organization already.');
      const id = newId();
      const row = await control.transaction(async (tx) => {
        await tx.run(`update invitation set status = 'canceled' where "organizationId" = $1 and lower(email) = $2 and status = 'pending'`, [org, address]);
        return tx.first<InvitationRow>(
          `insert into invitation (id, "organizationId", email, role, status, "expiresAt", "inviterId") values ($1, $2, $3, $4, 'pending', now() + interval '7 days', $5)
           returning id, email, role, "createdAt", "expiresAt"`, [id, org, address, role, actor.id]);
      });
      const organization = await control.first<{ name: string }>('select name from tenant where id = $1', [org]);
      const text = `${actor.name} invites you to ${organization?.name ?? 'Fermata'}.\n\nAccept within 7 days:\n${config.FERMATA_BASE_URL.replace(/\/$/, '')}/invitation?token=${id}\n`;
      await mail.send({ to: address, subject: `Invitation to ${organization?.name ?? 'Fermata'}`, text }).catch((error: unknown) => logger.error({ err: error, org }, 'an invitation was not mailed'));
      await audit.record(org, actor.name, 'user.invited', address, { role });
      return toInvitation(row!);
    },
    async revoke(org: string, actor: Actor, id: string): Promise<void> {
      const touched = await control.first<{ email: string }>(`update invitation set status = 'canceled' where id = $1 and "organizationId" = $2 and status = 'pending' returning email`, [id, org]);
      if (touched === undefined) throw notFound('invitation');
      await audit.record(org, actor.name, 'invitation.revoked', touched.email);
    },
    /** A person without an account chooses name and password and is logged in; one with an account only joins. */
    async accept(res: Response, token: string, name: string | undefined, password: string | undefined): Promise<void> {
      const invitation = await control.first<{ email: string }>(`select email from invitation where id = $1 and status = 'pending' and "expiresAt" > now()`, [token]);
      const dead = () => refuse('token', 'This invitation was used, withdrawn or has expired. Ask for a new one.');
      if (invitation === undefined) throw dead();
      const existing = await control.first<{ id: string }>('select id from "user" where email = $1', [invitation.email]);
      if (existing === undefined) {
        if (name === undefined) throw refuse('name', 'Write your name.');
        if (password === undefined) throw refuse('password', 'Choose a password.');
        checkPassword('password', password);
      }
      const passwordHash = existing === undefined ? await hashPassword(password!) : '';
      const joined = await control.transaction(async (tx) => {
        const taken = await tx.first<{ org: string; role: GivenRole }>(
          `update invitation set status = 'accepted' where id = $1 and status = 'pending' and "expiresAt" > now() returning "organizationId" as org, role`, [token]);
        if (taken === undefined) throw dead();
        const userId = existing?.id ?? (await recordUser(tx, { name: name!, email: invitation.email, passwordHash }));
        await tx.run(`insert into member (id, "organizationId", "userId", role, "createdAt") values ($1, $2, $3, $4, now()) on conflict do nothing`, [newId(), taken.org, userId, taken.role]);
        return { ...taken, userId };
      });
      identities.forget();
      await audit.record(joined.org, name ?? invitation.email, 'invitation.accepted', invitation.email, { role: joined.role });
      // Who has an account logs in with its password: a link in a mail must not open it.
      if (existing === undefined) await accounts.openSession(res, joined.userId);
    },
    async changeRole(org: string, actor: Actor, id: string, role: GivenRole) {
      const before = await member(org, id);
      if (before.role === 'owner') throw new AppError('conflict', "The owner's role cannot be changed.");
      await control.run(`update member set role = $3 where "organizationId" = $1 and "userId" = $2 and role <> 'owner'`, [org, id, role]);
      identities.forget();
      await audit.record(org, actor.name, 'user.role_changed', before.email, { before: before.role, after: role });
      return { ...toUser({ ...before, role }), status: 'active' as const };
    },
    async remove(org: string, actor: Actor, id: string): Promise<void> {
      const before = await member(org, id);
      if (before.role === 'owner') throw new AppError('conflict', 'The owner cannot be removed.');
      await control.run(`delete from member where "organizationId" = $1 and "userId" = $2 and role <> 'owner'`, [org, id]);
      identities.forget();
      await audit.record(org, actor.name, 'user.removed', before.email);
    },
  };
}

const toUser = (row: UserRow) => ({ id: row.id, name: row.name, email: row.email, role: row.role });
const toInvitation = (row: InvitationRow) => ({ id: row.id, email: row.email, role: row.role, createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt.toISOString() });
