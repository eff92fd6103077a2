import type { Sql } from '../db/sql.ts';
import type { TenantRecord } from './registry.ts';

/** Where an organization's links begin, without a slash at the end: its verified tracking domain, else the installation's address. */
export function publicUrl(org: Partial<Pick<TenantRecord, 'trackingHost'>>, baseUrl: string): string {
  return org.trackingHost == null ? baseUrl.replace(/\/$/, '') : `https://${org.trackingHost}`;
}

export interface TrackingHosts {
  /** Number of the organization whose tracking domain a host is, or was when links with it were sent; null for every other host. */
  ownerOf(host: string | undefined): Promise<number | null>;
}

/** Another process may have verified or given up a domain this long ago. */
const REFRESH_MS = 5_000;

/** The verified hosts of all organizations, kept in memory: readers come by the thousand a second. What cannot be read anew stays as it was. */
export function createTrackingHosts(control: Pick<Sql, 'rows'>, baseUrl: string): TrackingHosts {
  const own = new URL(baseUrl).hostname;
  let owners: ReadonlyMap<string, number> | null = null;
  let readAt = 0;
  let reading: Promise<void> | null = null;

  const read = (): Promise<void> => (reading ??= control
    .rows<{ host: string; no: number }>('select d.host, t.no from tracking_domain d join tenant t on t.id = d.org_id where d.verified_at is not null')
    .then((rows) => {
      owners = new Map(rows.map((row) => [row.host, row.no]));
      readAt = Date.now();
    })
    .finally(() => { reading = null; }));

  return {
    async ownerOf(host) {
      if (host === undefined || host === own) return null;
      if (owners === null) await read().catch(() => undefined);
      else if (Date.now() - readAt > REFRESH_MS) read().catch(() => undefined);
      return owners?.get(host.toLowerCase()) ?? null;
    },
  };
}
