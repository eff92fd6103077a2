/** Index names are built here only, from the server-side organization id: isolation comes from the name. */

/** The alias for people who look at the server; reads and writes name the version they mean. */
export function customerAlias(orgId: string): string {
  return `customers-${safe(orgId)}`;
}

/** One version of the index; a rebuild makes the next. */
export function customerIndex(orgId: string, version: number): string {
  return `${customerAlias(orgId)}-v${version}`;
}

/** Index names are lower-case; the organization ids are made that way, and anything else is refused. */
function safe(orgId: string): string {
  if (!/^[a-z0-9-]{1,64}$/.test(orgId)) throw new Error(`not an organization id: ${orgId}`);
  return orgId;
}
