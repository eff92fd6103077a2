/** Who may do what: product.md 2.4 as a table. Routes, buttons and the permission test read this one. */

export type Role = 'owner' | 'admin' | 'member';

const everyone: readonly Role[] = ['owner', 'admin', 'member'];
const admins: readonly Role[] = ['owner', 'admin'];
const owner: readonly Role[] = ['owner'];

export const capabilities = {
  'dashboard.view': everyone,
  'campaigns.view': everyone,
  'reports.view': everyone,
  'campaigns.edit': everyone,
  'campaigns.launch': everyone,
  'campaigns.delete': admins,
  'journeys.view': everyone,
  'journeys.edit': everyone,
  'journeys.publish': everyone,
  'journeys.delete': admins,
  'segments.manage': everyone,
  'lists.manage': everyone,
  'customers.view': everyone,
  'customers.edit': everyone,
  'customers.upload': everyone,
  'customers.export': admins,
  'customers.erase': admins,
  'suppression.manage': everyone,
  'connections.view': everyone,
  'connections.manage': admins,
  'catcher.view': everyone,
  'users.invite': admins,
  'users.manage': admins,
  'settings.manage': admins,
  'api-keys.manage': admins,
  'audit.view': admins,
  'operations.view': admins,
  'organization.transfer': owner,
  'organization.delete': owner,
} as const satisfies Record<string, readonly Role[]>;

export type Capability = keyof typeof capabilities;

export function allows(role: Role, capability: Capability): boolean {
  return (capabilities[capability] as readonly Role[]).includes(role);
}
