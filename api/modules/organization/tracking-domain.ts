import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { z } from 'zod';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { checkDns, checkHttps, httpsWaits, proofOf, txtName, txtValue, type DomainCheck, type DomainLookups } from '../../../infra/tenancy/domain-check.ts';
import type { AuditService } from '../audit/service.ts';
import type { TrackingDomainView } from './tracking-domain-routes.ts';

interface DomainRow {
  readonly host: string;
  readonly token: string;
  readonly verifiedAt: Date | null;
  readonly checkedAt: Date | null;
  readonly checks: readonly DomainCheck[];
}
const CURRENT = 'select host, token, verified_at as "verifiedAt", checked_at as "checkedAt", checks from tracking_domain where org_id = $1 and is_current';

export type TrackingDomainService = ReturnType<typeof createTrackingDomainService>;

/**
 * The host an organization's links begin with. Until it is verified the installation's own serves; hosts that were verified
 * once go on serving the links that were sent with them.
 */
export function createTrackingDomainService({ control, tenants, config, secrets, clock }: Pick<Container, 'control' | 'tenants' | 'config' | 'secrets' | 'clock'>, audit: AuditService, lookups: DomainLookups) {
  const target = new URL(config.FERMATA_BASE_URL).hostname;

  async function read(org: string): Promise<z.input<typeof TrackingDomainView>> {
    const row = await control.first<DomainRow>(CURRENT, [org]);
    const earlier = await control.rows<{ host: string }>('select host from tracking_domain where org_id = $1 and not is_current order by host', [org]);
    const domain = row === undefined ? null : {
      host: row.host, state: row.verifiedAt === null ? ('unverified' as const) : ('verified' as const), verifiedAt: iso(row.verifiedAt), checkedAt: iso(row.checkedAt), checks: [...row.checks],
      cname: { name: row.host, value: target }, txt: { name: txtName(row.host), value: txtValue(row.token) },
    };
    return { defaultHost: target, domain, earlier: earlier.map((each) => each.host) };
  }

  return {
    get: read,

    /** Chooses another host, or none. @throws AppError `invalid` for what can be no tracking domain */
    async choose(org: string, actor: string, wanted: string | null) {
      const host = wanted === null ? null : readHost(wanted, target);
      const before = await control.transaction(async (tx) => {
        // Two who choose at once wait for each other.
        if ((await tx.first('select from tenant where id = $1 for update', [org])) === undefined) throw notFound('organization');
        const current = await tx.first<DomainRow>(CURRENT, [org]);
        if (current?.host === host) return host;
        await tx.run('delete from tracking_domain where org_id = $1 and is_current and verified_at is null', [org]);
        await tx.run('update tracking_domain set is_current = false where org_id = $1', [org]);
        if (host !== null) await tx.run('insert into tracking_domain (org_id, host, token) values ($1, $2, $3) on conflict (org_id, host) do update set is_current = true', [org, host, randomBytes(16).toString('base64url')]);
        return current?.host ?? null;
      });
      tenants.forget(org);
      if (before !== host) await audit.record(org, actor, 'tracking_domain.changed', host, { before, after: host });
      return read(org);
    },

    /** Checks DNS and https now. A verified host that fails stays verified: links that were sent need it, and a name server may be away for a moment. */
    async verify(org: string, actor: string) {
      const row = await control.first<DomainRow>(CURRENT, [org]);
      if (row === undefined) throw new AppError('conflict', 'There is no tracking domain to verify. Save one first.');
      const { host, token } = row;
      const dns = await checkDns(lookups, { host, token, target });
      const isProven = dns.every((check) => check.state === 'ok');
      // Before https is tried: the proxy may ask whether it may get a certificate for this host.
      if (isProven) await control.run('update tracking_domain set proven_at = to_timestamp($3::float8 / 1000) where org_id = $1 and host = $2', [org, host, clock.now()]);
      const https = isProven ? await checkHttps(lookups, { host, token, proof: proofOf(secrets, token, host) }) : httpsWaits;
      const isVerified = isProven && https.state === 'ok';
      await control.transaction(async (tx) => {
        // Whoever can write its DNS records owns the host now.
        if (isVerified) await tx.run('update tracking_domain set verified_at = null, proven_at = null where host = $1 and org_id <> $2', [host, org]);
        await tx.run(
          `update tracking_domain set checks = $3, checked_at = to_timestamp($4::float8 / 1000), verified_at = case when $5 then coalesce(verified_at, to_timestamp($4::float8 / 1000)) else verified_at end where org_id = $1 and host = $2`,
          [org, host, JSON.stringify([...dns, https]), clock.now(), isVerified]);
      });
      tenants.forget(org);
      if (isVerified && row.verifiedAt === null) await audit.record(org, actor, 'tracking_domain.verified', host, {});
      return read(org);
    },

    /** Whether a proxy may get a certificate for a host. @throws AppError `not_found` for hosts whose records do not say so */
    async allowed(domain: string): Promise<{ allowed: true }> {
      const found = await control.first('select from tracking_domain where host = $1 and (verified_at is not null or proven_at is not null) limit 1', [domain.toLowerCase().replace(/\.$/, '')]);
      if (found === undefined) throw new AppError('not_found', 'This is no tracking domain of this installation.');
      return { allowed: true };
    },
  };
}

const iso = (at: Date | null) => at?.toISOString() ?? null;

function readHost(wanted: string, target: string): string {
  const host = domainToASCII(wanted.trim().toLowerCase().replace(/^https?:\/\//, '').replace(/\/$/, '').replace(/\.$/, ''));
  const isHost = host.length <= 253 && isIP(host) === 0 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(host);
  if (!isHost) throw refuse('host', `Expected a host like links.example.com, got “${wanted}”.`);
  if (host === target) throw refuse('host', 'This is the address of the installation itself: it serves without being chosen.');
  return host;
}
