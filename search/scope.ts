import type { Client } from '@elastic/elasticsearch';

/** What searching needs of an organization; `Tenant` is one. */
export interface SearchScope {
  readonly org: { readonly id: string; readonly timezone: string };
  readonly sql: {
    rows<R extends object>(query: string, values?: readonly unknown[]): Promise<R[]>;
    first<R extends object>(query: string, values?: readonly unknown[]): Promise<R | undefined>;
  };
  readonly search: { readonly client: Client; readonly customers: string };
}
