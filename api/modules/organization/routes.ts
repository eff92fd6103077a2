import { z } from 'zod';
import { route } from '../../http/route.ts';

export const OrganizationView = z.object({
  id: z.string(), name: z.string(), slug: z.string(), timezone: z.string(), postalAddress: z.string(), state: z.enum(['provisioning', 'active', 'deleting']), version: z.int(),
});
export const organizationName = z.string().trim().min(1).max(100);
export const timezone = z.string().max(64).refine(isTimezone, { message: 'Expected a time zone like Europe/Berlin.' });

function isTimezone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== null;
  } catch {
    return false;
  }
}

export const organizationRoutes = [
  route({
    method: 'get', path: '/organization', capability: 'dashboard.view', summary: 'The organization of the session.', tag: 'organization',
    reply: OrganizationView,
    handle: ({ org, services }) => services.organizations.get(org),
  }),
  route({
    method: 'patch', path: '/organization', capability: 'settings.manage', summary: "Changes the organization's settings; `version` refuses a stale change.", tag: 'organization',
    body: z.object({ name: organizationName.optional(), timezone: timezone.optional(), postalAddress: z.string().trim().max(500).nullable().transform((text) => text ?? '').optional(), version: z.number().int().optional() }),
    reply: OrganizationView,
    handle: ({ org, actor, body, services }) => services.organizations.update(org, actor.name, body),
  }),
  route({
    method: 'post', path: '/organizations', capability: 'session', summary: 'Creates a further organization; poll it until it is active.', tag: 'organization',
    body: z.object({ name: organizationName, timezone }), reply: OrganizationView, status: 201,
    handle: ({ actor, body, services }) => services.organizations.create(actor.id, body),
  }),
];
