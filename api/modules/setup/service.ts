import { randomInt, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request, Response } from 'express';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { hashPassword } from '../../auth.ts';
import { createLimiter } from '../../http/limits.ts';
import { checkPassword, recordUser, type AccountService } from '../auth/service.ts';
import { recordOrganization, type OrganizationService } from '../organization/service.ts';

export type SetupService = ReturnType<typeof createSetupService>;

export interface FirstOwner {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly organizationName: string;
  readonly timezone: string;
  readonly code?: string | undefined;
}

/** An arbitrary number that stands for "the first user". */
const SETUP_LOCK = 7_316_005;

/** The first owner and organization: possible once, from this machine, or with the code only its operator can read. */
export function createSetupService({ control, config, gateway, logger }: Container, accounts: AccountService, organizations: OrganizationService) {
  const codeFile = join(config.FERMATA_STATE_DIR, 'setup-code');
  const attempts = createLimiter(10, 60, (seconds) => `Too many attempts. Try again in ${seconds} seconds.`);
  const needed = async () => (await control.first('select from "user" limit 1')) === undefined;

  /** The one-time code; made and kept at the first call. */
  async function code(): Promise<string> {
    const kept = await readFile(codeFile, 'utf8').catch(() => '');
    if (/^\d{8}$/.test(kept.trim())) return kept.trim();
    await mkdir(config.FERMATA_STATE_DIR, { recursive: true });
    const fresh = String(randomInt(10_000_000, 100_000_000));
    await writeFile(codeFile, `${fresh}\n`, { mode: 0o600 });
    return fresh;
  }

  return {
    /** At start: writes the code into the log while nobody has an account. */
    async announce(): Promise<void> {
      if (await needed()) logger.info({ setupCode: await code() }, 'set up Fermata in the browser; from another machine it asks for this code');
    },
    async state(req: Request) {
      const open = await needed();
      return { needed: open, codeRequired: open && !isLoopback(req) };
    },
    /** @throws AppError `conflict` when there is a user already, `invalid` for a wrong code */
    async run(req: Request, res: Response, owner: FirstOwner) {
      await attempts.take(req.ip ?? '', res);
      if (!(await needed())) throw new AppError('conflict', 'Fermata is set up already. Log in, or ask for an invitation.');
      if (!isLoopback(req) && !same(owner.code ?? '', await code())) {
        throw refuse('code', `Type the code from the log of the API; it is also in ${config.FERMATA_STATE_DIR}/setup-code on the server.`);
      }
      checkPassword('password', owner.password);
      const passwordHash = await hashPassword(owner.password);
      const { userId, orgId } = await control.transaction(async (tx) => {
        await tx.run('select pg_advisory_xact_lock($1)', [SETUP_LOCK]);
        if ((await tx.first('select from "user" limit 1')) !== undefined) throw new AppError('conflict', 'Fermata was set up a moment ago. Log in.');
        const userId = await recordUser(tx, { name: owner.name, email: owner.email, passwordHash });
        return { userId, orgId: await recordOrganization(tx, config.DATABASE_URL, { name: owner.organizationName, timezone: owner.timezone, ownerId: userId }) };
      });
      await rm(codeFile, { force: true });
      // A lost start is made up for at the next look at the organization's state (api start, sweep).
      await gateway.provision({ orgId }).catch((error: unknown) => logger.error({ err: error, org: orgId }, 'provisioning was not started; it starts with the next start of the API'));
      await accounts.openSession(res, userId);
      return { organization: await organizations.get(orgId) };
    },
  };
}

/** Headers of a proxy make a request foreign even when the proxy is local and not trusted. */
function isLoopback(req: Request): boolean {
  const proxied = req.get('x-forwarded-for') !== undefined || req.get('forwarded') !== undefined;
  const ip = (req.ip ?? '').replace(/^::ffff:/, '');
  return !proxied && (ip === '::1' || ip.startsWith('127.'));
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given.trim()), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
