import { LRUCache } from 'lru-cache';
import { compileLinkTarget, type LinkTarget } from '#domain/content/link-target.ts';
import { parseTemplate, usesOf } from '#domain/content/language.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Clock } from '../clock.ts';
import type { Tenant, Tenants } from '../tenancy/registry.ts';
import { contextFields, fieldsOf } from './content.ts';
import { ENTRY_EVENT } from './pages.ts';
import type { TrackingTarget } from './tracking-id.ts';

interface Template {
  readonly target: LinkTarget;
  readonly paths: readonly string[];
}

/** Where a click leads: the destination stored with its mail and nowhere else, in ASCII as a header wants it; undefined when there is none. */
export type Destinations = (target: TrackingTarget) => Promise<string | undefined>;

/**
 * Destinations with merge tags are written anew at each click, with what is known of the reader now: nothing of her stands
 * in the link, and after her erasure nothing of her is shown.
 */
export function createDestinations({ tenants, clock }: { readonly tenants: Pick<Tenants, 'useNo'>; readonly clock: Clock }): Destinations {
  const known = new LRUCache<string, string | Template>({ max: 10_000 });
  return async (target) => {
    const key = `${target.orgNo}|${target.mailNo}|${target.link}`;
    const stored = known.get(key) ?? (await tenants.useNo(target.orgNo, (tenant) => readLink(tenant, target)).catch(absent));
    if (stored === undefined) return undefined;
    known.set(key, stored);
    return typeof stored === 'string' ? stored : tenants.useNo(target.orgNo, (tenant) => personal(tenant, target, stored, clock.now()));
  };
}

function absent(error: unknown): undefined {
  if (!(error instanceof AppError && error.code === 'not_found')) throw error;
}

async function readLink({ sql }: Tenant, { mailNo, link }: TrackingTarget): Promise<string | Template | undefined> {
  const row = await sql.first<{ url: string }>('select url from link where mail_no = $1 and no = $2', [mailNo, link]);
  if (row === undefined) return undefined;
  if (!/\{[{%]/.test(row.url)) return row.url.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
  return { target: compileLinkTarget(row.url), paths: [...usesOf(parseTemplate(row.url).pieces)].map((use) => use.path) };
}

async function personal({ sql, org }: Tenant, { mailNo, ordinal }: TrackingTarget, { target, paths }: Template, now: number): Promise<string | undefined> {
  const row = await sql.first<Record<string, unknown> & { campaign: string | null; journey: string | null }>(
    `select c.email, c.first_name, c.last_name, c.phone, c.city, c.country, c.score, c.timezone, c.custom, (select name from campaign where mail_no = m.mail_no) as campaign,
            (select j.name from mail join journey j on j.id = mail.ref_id where mail.no = m.mail_no and mail.kind = 'journey') as journey, ${ENTRY_EVENT}
       from message m left join customer c on c.id = m.customer_id where m.mail_no = $1 and m.ordinal = $2`,
    [mailNo, ordinal],
  );
  if (row === undefined) return undefined;
  const context = { organization: { name: org.name, address: org.postalAddress }, campaign: { name: row.campaign ?? '' }, ...(row.journey === null ? {} : { journey: { name: row.journey } }), timezone: org.timezone };
  return target(contextFields(context, fieldsOf(row, paths), now)) ?? undefined;
}
