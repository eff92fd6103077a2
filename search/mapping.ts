import type { Client, estypes } from '@elastic/elasticsearch';
import { mailEvents } from '#domain/customer/activity.ts';
import { slots } from '#domain/customer/fields.ts';
import { MAX_TERMS } from './compile.ts';
import { customerAlias, customerIndex } from './names.ts';
import type { SearchScope } from './scope.ts';

const keyword = { type: 'keyword' } as const;
const flag = { type: 'boolean' } as const;

/**
 * The mapping of a customer: about 400 fields, whatever is uploaded. Texts come folded, so no
 * analyzer decides anything; `email_grams` are trigrams made by us, split at blanks.
 */
export function customerMapping(): estypes.MappingTypeMapping {
  const properties: Record<string, estypes.MappingProperty> = {
    id: { type: 'long' },
    email: keyword, first_name: keyword, last_name: keyword, phone: keyword, city: keyword, country: keyword, timezone: keyword,
    suppression_status: keyword,
    email_grams: { type: 'text', analyzer: 'whitespace', norms: false, index_options: 'positions' },
    score: { type: 'double' },
    created_at: { type: 'date', format: 'epoch_millis' },
    updated_at: { type: 'date', format: 'epoch_millis' },
    mailable: flag, is_unsubscribed: flag, is_bounced: flag, deleted: flag,
    lists: keyword,
    set: keyword,
    more: { type: 'flattened' },
    more_text: keyword,
    anniversary: { type: 'integer' },
    custom_events: { type: 'long' },
    custom_event_counts: { type: 'long' },
    version: { type: 'long' },
  };
  for (let n = 0; n < slots.text.count; n++) properties[`${slots.text.prefix}${n}`] = keyword;
  for (let n = 0; n < slots.number.count; n++) properties[`${slots.number.prefix}${n}`] = { type: 'double' };
  for (let n = 0; n < slots.date.count; n++) properties[`${slots.date.prefix}${n}`] = { type: 'date', format: 'epoch_millis' };
  for (let n = 0; n < slots.boolean.count; n++) properties[`${slots.boolean.prefix}${n}`] = flag;
  for (const event of mailEvents) {
    properties[`${event}_last`] = { type: 'date', format: 'epoch_millis' };
    properties[`${event}_count`] = { type: 'integer' };
    properties[`${event}_in`] = { type: 'long' };
  }
  return { dynamic: 'strict', _source: { enabled: false }, properties };
}

/** Shards of an index: a search uses one thread for each, and above this many customers one is not enough. */
const CUSTOMERS_OF_SHARDS = [[500_000, 1], [8_000_000, 2]] as const;

export function shardsFor(customers: number): number {
  return CUSTOMERS_OF_SHARDS.find(([most]) => customers <= most)?.[1] ?? 4;
}

/**
 * Makes the organization's first index; done twice it changes nothing.
 * Refreshes are asked for by readers (`freshness.ts`), so the interval only bounds memory.
 */
export async function createCustomerIndex(scope: SearchScope): Promise<void> {
  await createIndexVersion(scope.search.client, scope.org.id, 1, 1);
  await scope.sql.run(`insert into search_index (version, state, reason, timezone, ended_at) select 1, 'live', 'created', $1, now() where not exists (select from search_index)`, [scope.org.timezone]);
  await pointAlias(scope);
}

/** Makes one version, empty; one that is there stays. */
export async function createIndexVersion(client: Client, orgId: string, version: number, shards: number): Promise<void> {
  try {
    await client.indices.create({
      index: customerIndex(orgId, version),
      mappings: customerMapping(),
      settings: { number_of_shards: shards, auto_expand_replicas: '0-1', refresh_interval: '5s', 'index.max_terms_count': MAX_TERMS },
    });
  } catch (error) {
    if (!isAlreadyThere(error)) throw error;
  }
}

/** The alias follows the live version: for people who look at the server. */
export async function pointAlias({ search: { client }, org, sql }: SearchScope): Promise<void> {
  const live = await sql.first<{ version: number }>(`select version from search_index where state = 'live'`);
  if (live === undefined) return;
  const alias = customerAlias(org.id);
  await client.indices.updateAliases({ actions: [{ remove: { index: `${alias}-v*`, alias, must_exist: false } }, { add: { index: customerIndex(org.id, live.version), alias } }] });
}

function isAlreadyThere(error: unknown): boolean {
  return (error as { meta?: { body?: { error?: { type?: string } } } }).meta?.body?.error?.type === 'resource_already_exists_exception';
}
