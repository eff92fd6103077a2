import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveAudience } from '../../activities/audience.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import type { CampaignTarget } from '#domain/campaign/targets.ts';
import { estimateAudience } from '../../search/audience.ts';
import { countRule, searchCustomers } from '../../search/population.ts';
import { liveIndex } from '../../search/versions.ts';
import { untilIndexRests } from '../support/index-at-rest.ts';
import { createTestOrganization } from '../support/organization.ts';
import { startWorker } from '../support/worker-process.ts';
import { fillPopulation, PEOPLE_LIST, questions } from './segments-population.ts';

/**
 * Segments over a large population: customers with some fifty mail entries each, written by the real indexer, then every
 * operator asked as the product asks it (`countRule`: context, freshness, refresh, count), first with nothing cached, then
 * 20 times, then while 500 customers a second change. The last line is one JSON object.
 */
const { values: { customers: wanted = '1000000' } } = parseArgs({ options: { customers: { type: 'string' }, json: { type: 'boolean' } } });
const customers = Number(wanted);
const WARM_ROUNDS = 20;
const UPDATES_PER_S = 500;
/** Most of the population. */
const targets: CampaignTarget[] = [
  { kind: 'segment', id: '0190d000-0000-7000-8000-000000000001', mode: 'include' },
  { kind: 'list', id: PEOPLE_LIST, mode: 'include' },
  { kind: 'segment', id: '0190d000-0000-7000-8000-000000000002', mode: 'exclude' },
];
const progress = (text: string) => void process.stderr.write(`${text}\n`);

const worker = await startWorker();
const { container, orgId, close } = await createTestOrganization({ timezone: 'Europe/London' });
try {
  const result = await container.tenants.use(orgId, async (tenant) => {
    const filledIn = await seconds(() => fillPopulation(tenant.sql, customers, progress));
    progress(`${customers} rows in ${filledIn.toFixed(0)} s`);
    const indexedIn = await seconds(() => build(tenant));
    const docsPerS = Math.round(customers / indexedIn);
    progress(`indexed in ${indexedIn.toFixed(0)} s, ${docsPerS} documents/s`);
    await untilIndexRests(tenant);

    const answers = new Map<string, { count: number; cold: number; warm: number[]; loaded: number[] }>();
    for (const [name, rule] of questions()) {
      await forget(tenant);
      const started = performance.now();
      const { total } = await countRule(tenant, rule);
      answers.set(name, { count: total, cold: performance.now() - started, warm: [], loaded: [] });
      progress(`${name}: ${total} in ${answers.get(name)!.cold.toFixed(0)} ms`);
    }
    for (const [name, rule] of questions()) {
      for (let i = 0; i < WARM_ROUNDS; i++) answers.get(name)!.warm.push(await ms(() => countRule(tenant, rule)));
    }
    const pages = await browse(tenant);
    const estimateMs = await ms(() => estimateAudience(tenant, targets));
    const audience = await resolve(tenant);
    progress(`audience: ${audience.recipients} in ${audience.seconds.toFixed(1)} s`);

    const load = changeCustomers(tenant);
    await sleep(2_000);
    for (let i = 0; i < 5; i++) for (const [name, rule] of questions()) answers.get(name)!.loaded.push(await ms(() => countRule(tenant, rule)));
    const updatesPerS = await load.stop();
    const fresh: number[] = [];
    for (let i = 0; i < 50; i++) fresh.push(await askForWrite(tenant, i));

    const cold = [...answers.values()].map((answer) => answer.cold);
    return {
      customers, index_docs_per_s: docsPerS,
      queries: [...answers].map(([name, { count, cold: first, warm, loaded }]) => ({ name, count, cold_ms: round(first), warm_p95_ms: round(p95(warm)), under_load_p95_ms: round(p95(loaded)) })),
      cold_p95_ms: round(p95(cold)), worst_cold_ms: round(Math.max(...cold)),
      warm_p95_ms: round(p95([...answers.values()].flatMap((answer) => answer.warm))), under_load_p95_ms: round(p95([...answers.values()].flatMap((answer) => answer.loaded))),
      updates_per_s: Math.round(updatesPerS),
      audience_ids_per_s: Math.round(audience.recipients / audience.seconds), audience: audience.recipients,
      fresh_ms: round(p95(fresh)), estimate_ms: round(estimateMs), ...pages,
    };
  });
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await worker.kill();
  await close();
}
process.exit(0);

/** The rebuild of the product: its workflow in the worker process, from the first customer to the handover. */
async function build(tenant: Tenant): Promise<void> {
  const { version } = await liveIndex(tenant);
  const started = performance.now();
  await container.gateway.startReindex({ orgId, reason: 'rebuild' });
  for (let shown = 0; (await liveIndex(tenant)).version === version; await sleep(200)) {
    const done = (await tenant.sql.first<{ done: number }>(`select customers_done as done from search_index where state = 'building'`))?.done ?? 0;
    if (done - shown < 240_000) continue;
    progress(`${(shown = done)} documents, ${Math.round(done / ((performance.now() - started) / 1_000))}/s`);
  }
}

async function forget(tenant: Tenant): Promise<void> {
  await tenant.search.client.indices.clearCache({ index: (await liveIndex(tenant)).index, query: true, request: true, fielddata: true });
}

/** The customer list: first page, a search, a page far down, by number and by address. */
async function browse(tenant: Tenant): Promise<Record<string, number>> {
  const page = { order: 'newest', limit: 50, count: false } as const;
  const times = async (work: (i: number) => Promise<unknown>) => {
    const all: number[] = [];
    for (let i = 0; i < 20; i++) all.push(await ms(() => work(i)));
    return round(p95(all));
  };
  await forget(tenant);
  return {
    list_p95_ms: await times(() => searchCustomers(tenant, { status: 'mailable' }, page)),
    search_p95_ms: await times((i) => searchCustomers(tenant, { text: `user${1_000 + i * 37}` }, { ...page, count: true })),
    deep_page_p95_ms: await times((i) => searchCustomers(tenant, { status: 'mailable' }, { ...page, after: [Math.round(customers / 2) + i * 1_000] })),
    deep_page_by_address_p95_ms: await times((i) => searchCustomers(tenant, { status: 'mailable' }, { ...page, order: 'email', after: [`user${5 + (i % 4)}`, 0] })),
  };
}

/** Most of the population, resolved and frozen as a launch does it. */
async function resolve(tenant: Tenant): Promise<{ recipients: number; seconds: number }> {
  const campaignId = '0190b000-0000-7000-8000-000000000001';
  const mailNo = (await tenant.sql.first<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', $1) returning no`, [campaignId]))!.no;
  await tenant.sql.run(`insert into campaign (id, mail_no, name, targets, delivery, created_by) select $1, $2, 'Bench', $3, jsonb_build_object('mode', 'single', 'connections', jsonb_build_array(jsonb_build_object('id', id, 'percent', 100))), 'bench' from connection limit 1`, [campaignId, mailNo, JSON.stringify(targets)]);
  let recipients = 0;
  const took = await seconds(async () => void (recipients = await resolveAudience(tenant, { campaignId, mailNo }, [], () => undefined)));
  const estimate = await estimateAudience(tenant, targets);
  if (estimate.final !== recipients) throw new Error(`the estimate says ${estimate.final}, the audience has ${recipients}`);
  return { recipients, seconds: took };
}

/** Customers change as the product changes them, in small transactions, and the worker process indexes them. */
function changeCustomers(tenant: Tenant): { stop(): Promise<number> } {
  const BATCH = 50;
  let changed = 0;
  let isOn = true;
  const started = performance.now();
  const run = (async () => {
    while (isOn) {
      const due = started + (changed / UPDATES_PER_S) * 1_000 - performance.now();
      if (due > 0) await sleep(due);
      const ids = Array.from({ length: BATCH }, () => 1 + Math.floor(Math.random() * customers)).sort((a, b) => a - b);
      await tenant.sql.run(
        `with touched as (update customer set score = $2, version = version + 1, updated_at = now() where id = any($1) returning id) insert into outbox (topic, ids) select 'customer', array_agg(id) from touched`,
        [ids, Math.round(Math.random() * 100)]);
      container.gateway.nudgeOutbox(orgId);
      changed += BATCH;
    }
  })();
  return {
    async stop() {
      const rate = changed / ((performance.now() - started) / 1_000);
      isOn = false;
      await run;
      return rate;
    },
  };
}

/** From the acknowledgement of a write to the count that has it. */
async function askForWrite(tenant: Tenant, i: number): Promise<number> {
  const city = `fresh ${i}`;
  await tenant.sql.run(
    `with touched as (update customer set city = $2, version = version + 1, updated_at = now() where id = $1 returning id) insert into outbox (topic, ids) select 'customer', array_agg(id) from touched`,
    [1 + Math.floor(Math.random() * customers), city]);
  const acknowledged = performance.now();
  container.gateway.nudgeOutbox(orgId);
  const { total } = await countRule(tenant, { op: 'and', parts: [{ field: 'city', operator: 'equals', value: city }] });
  const took = performance.now() - acknowledged;
  if (total !== 1) throw new Error(`a count after the write has ${total} instead of 1`);
  await sleep(Math.random() * 4_000);  // with and without a drain that is still listening
  return took;
}

async function ms(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  return (await ms(work)) / 1_000;
}

function p95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
