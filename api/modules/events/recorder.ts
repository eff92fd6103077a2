import { createHash } from 'node:crypto';
import type { Container } from '../../../infra/container.ts';
import { findOrMakeCustomers } from '../../../infra/customers/find-or-make.ts';
import { settled } from '../../../infra/db/contention.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import type { Secrets } from '../../../infra/secrets.ts';
import type { ReadEvent } from './input.ts';

/** What became of an event: the number it has, an id that came before, or nobody whose event it could be. */
export type Recorded = { readonly outcome: 'accepted'; readonly id: number } | { readonly outcome: 'duplicate' } | { readonly outcome: 'unknown' };

export interface EventRecorder {
  /** Resolves when the events are committed. @returns one result per event, in order */
  record(orgId: string, events: readonly ReadEvent[]): Promise<Recorded[]>;
}

/** Requests of one organization within this time share one commit. */
const BATCH_MS = 20;
const BATCH_MAX = 2_000;

interface Batch {
  readonly events: ReadEvent[];
  readonly done: Promise<Recorded[]>;
}

export function createEventRecorder({ tenants, gateway, secrets }: Pick<Container, 'tenants' | 'gateway' | 'secrets'>): EventRecorder {
  const open = new Map<string, Batch>();

  function begin(orgId: string): Batch {
    const events: ReadEvent[] = [];
    const done = new Promise<void>((resolve) => setTimeout(resolve, BATCH_MS)).then(() => {
      if (open.get(orgId)?.events === events) open.delete(orgId);
      return tenants.use(orgId, async ({ sql }) => {
        const recorded = await settled(sql, (tx) => write(tx, secrets, events));
        gateway.nudgeOutbox(orgId);
        return recorded;
      });
    });
    return { events, done };
  }

  return {
    async record(orgId, events) {
      const waiting = open.get(orgId);
      const batch = waiting !== undefined && waiting.events.length + events.length <= BATCH_MAX ? waiting : begin(orgId);
      open.set(orgId, batch);
      const from = batch.events.length;
      batch.events.push(...events);
      return (await batch.done).slice(from, from + events.length);
    },
  };
}

/**
 * Stores a batch in one commit: customers that are to be made, events, and one outbox row that names them. Nothing is counted
 * here. Customers are held first, so that nobody whose events these are is erased meanwhile.
 */
async function write(tx: Transaction, secrets: Secrets, events: readonly ReadEvent[]): Promise<Recorded[]> {
  const byAddress = events.flatMap(({ who }) => ('address' in who ? [who] : []));
  const { idByKey } = await findOrMakeCustomers(tx, secrets, byAddress.map(({ address }) => address), byAddress.filter(({ make }) => make).map(({ address }) => address));
  const byId = new Set((await tx.rows<{ id: number }>('select id from customer where id = any($1) order by id for key share', [events.flatMap(({ who }) => ('id' in who ? [who.id] : []))])).map((row) => row.id));

  const customers = events.map(({ who }) => ('address' in who ? idByKey.get(who.address.key) : byId.has(who.id) ? who.id : undefined));
  const isNew = await claimIds(tx, events.map(({ id }, i) => (customers[i] === undefined ? null : id)));
  const taken = events.flatMap((event, i) => (customers[i] !== undefined && isNew[i] === true ? [{ event, customerId: customers[i] }] : []));
  const stored = taken.length === 0 ? [] : await tx.rows<{ id: number }>(STORE, [
    taken.map((each) => each.customerId), taken.map(({ event }) => event.at), taken.map(({ event }) => JSON.stringify({ name: event.name, properties: event.properties }))]);
  const ids = stored.map((row) => row.id).sort((a, b) => a - b)[Symbol.iterator]();
  return events.map((_, i): Recorded => {
    if (customers[i] === undefined) return { outcome: 'unknown' };
    return isNew[i] === true ? { outcome: 'accepted', id: ids.next().value! } : { outcome: 'duplicate' };
  });
}

// Numbers are given in the order of the batch.
const STORE = /* sql */ `
with stored as (
  insert into event (type, customer_id, occurred_at, source, detail)
  select 'custom', u.customer_id, to_timestamp(u.at / 1000), 'api', u.detail from unnest($1::bigint[], $2::float8[], $3::jsonb[]) with ordinality u(customer_id, at, detail, n) order by u.n
  returning id
), told as (
  insert into outbox (topic, ids) select 'event', array_agg(id order by id) from stored
)
select id from stored`;

/** Takes ids that programs gave, each once in 7 days; of several alike the first counts. @returns for each whether it is new; without an id it always is */
async function claimIds(tx: Transaction, ids: readonly (string | null)[]): Promise<boolean[]> {
  const hashes = ids.map((id) => (id === null ? null : createHash('sha256').update(`api ${id}`).digest()));
  const given = new Map(hashes.flatMap((hash) => (hash === null ? [] : [[hash.toString('hex'), hash] as const])));
  const claimed = given.size === 0 ? [] : await tx.rows<{ hash: Buffer }>(
    `insert into event_key as k (hash) select h from unnest($1::bytea[]) h order by h
     on conflict (hash) do update set received_at = now() where k.received_at < now() - interval '7 days' returning hash`, [[...given.values()]]);
  const fresh = new Set(claimed.map((row) => row.hash.toString('hex')));
  return hashes.map((hash) => hash === null || fresh.delete(hash.toString('hex')));
}
