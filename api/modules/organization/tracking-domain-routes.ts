import { z } from 'zod';
import { route } from '../../http/route.ts';

const record = z.object({ name: z.string(), value: z.string() });
const check = z.object({ kind: z.enum(['txt', 'cname', 'https']), state: z.enum(['ok', 'failed', 'waiting']), message: z.string() });

export const TrackingDomainView = z.object({
  /** Host of the installation: it serves until another is verified. */
  defaultHost: z.string(),
  domain: z.object({
    host: z.string(), state: z.enum(['unverified', 'verified']), verifiedAt: z.string().nullable(), checkedAt: z.string().nullable(),
    /** Records to set at the DNS provider. */
    cname: record, txt: record,
    /** Of the last time it was verified. */
    checks: z.array(check),
  }).nullable(),
  /** Hosts chosen earlier: links that were sent with them go on working. */
  earlier: z.array(z.string()),
}).meta({ id: 'TrackingDomain' });

const tag = 'organization';

export const trackingDomainRoutes = [
  route({
    method: 'get', path: '/organization/tracking-domain', capability: 'dashboard.view', tag, summary: 'The custom tracking domain, with the DNS records it needs.', reply: TrackingDomainView,
    handle: ({ org, services }) => services.trackingDomain.get(org),
  }),
  route({
    method: 'put', path: '/organization/tracking-domain', capability: 'settings.manage', tag, summary: 'Chooses a tracking domain, or none; the installation’s own serves until it is verified.',
    body: z.strictObject({ host: z.string().max(300).nullable() }), reply: TrackingDomainView,
    handle: ({ org, actor, body, services }) => services.trackingDomain.choose(org, actor.name, body.host),
  }),
  route({
    method: 'post', path: '/organization/tracking-domain/verify', capability: 'settings.manage', tag, summary: 'Checks DNS and https of the tracking domain now.', reply: TrackingDomainView,
    handle: ({ org, actor, services }) => services.trackingDomain.verify(org, actor.name),
  }),
  route({
    method: 'get', path: '/tracking-domains/allowed', capability: 'public', tag, summary: 'Whether a proxy may get a certificate for a host; 404 when not.',
    query: z.strictObject({ domain: z.string().min(1).max(253) }), reply: z.object({ allowed: z.literal(true) }),
    handle: ({ query, services }) => services.trackingDomain.allowed(query.domain),
  }),
];
