import type { Client } from '@elastic/elasticsearch';

/** What searching needs of an organization; `Tenant` is one. */
export interface SearchScope {
  readonly org: { readonly id: string; readonly timezone: string };
  readonly sql: SearchSql;
  readonly search: { readonly client: Client };
}

export interface SearchSql {
  rows<R extends object>(query: string, values?: readonly unknown[]): Promise<R[]>;
  first<R extends object>(query: string, values?: readonly unknown[]): Promise<R | undefined>;
  run(query: string, values?: readonly unknown[]): Promise<number>;
}
