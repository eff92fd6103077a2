/**
 * Work on the customer indexes: `npm run search -- check` compares them with the tables and mends what differs,
 * `npm run search -- rebuild` builds them again from the tables while everything goes on. Both take `--org SLUG`.
 * A worker does the work; this only starts it and shows how far it is. Beside a running `npm start` it finds the services by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { createContainer, type Container } from '../container.ts';
import { commandEnv } from '../services/running.ts';
import type { TenantRecord } from '../tenancy/registry.ts';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { org: { type: 'string' } } });
const [command = ''] = positionals;
if (command !== 'check' && command !== 'rebuild') {
  process.stderr.write('Say what to do: npm run search -- check, or npm run search -- rebuild. For one organization add --org SLUG.\n');
  process.exit(2);
}
const container = await createContainer('search', readConfig(commandEnv()));
const isAlone = setTimeout(() => process.stderr.write('Nobody has taken this on yet: is Fermata running?\n'), 10_000);
try {
  const organizations = (await container.tenants.list()).filter((org) => org.state === 'active' && (values.org === undefined || org.slug === values.org));
  if (organizations.length === 0) throw new Error(values.org === undefined ? 'There is no organization yet.' : `There is no organization ${values.org}.`);
  for (const org of organizations) await (command === 'check' ? check(container, org) : rebuild(container, org));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  clearTimeout(isAlone);
  await container.close();
}

async function check({ gateway, tenants }: Container, org: TenantRecord): Promise<void> {
  const { differing, repaired } = await gateway.reconcile({ orgId: org.id });
  clearTimeout(isAlone);
  process.stdout.write(`${org.slug}: ${differing === 0 ? 'the index agrees with the tables' : `${differing} of 1,024 ranges differed, ${repaired} customers were written again`}\n`);
  // Only the kind of reason: what follows it may quote the customer's values.
  const refusals = await tenants.use(org.id, ({ sql }) => sql.rows<{ reason: string; n: number }>(`select split_part(reason, ':', 1) as reason, count(*)::int as n from index_failure group by 1 order by 2 desc`));
  for (const { reason, n } of refusals) process.stdout.write(`${org.slug}: ${n} customers are refused by the index and missing from counts (${reason}); the table index_failure says who and why\n`);
}

async function rebuild({ gateway, tenants }: Container, org: TenantRecord): Promise<void> {
  const live = () => tenants.use(org.id, ({ sql }) => sql.first<{ version: number }>(`select version from search_index where state = 'live'`));
  const before = (await live())?.version ?? 0;
  await gateway.startReindex({ orgId: org.id, reason: 'rebuild' });
  for (let shown = -1; ((await live())?.version ?? 0) === before; await sleep(500)) {
    const build = await tenants.use(org.id, ({ sql }) => sql.first<{ done: number; total: number }>(`select customers_done as done, customers_total as total from search_index where state = 'building'`));
    if (build === undefined || build.done === shown) continue;
    shown = build.done;
    clearTimeout(isAlone);
    process.stdout.write(`${org.slug}: ${build.done.toLocaleString('en-US')} of ${build.total.toLocaleString('en-US')}\n`);
  }
  process.stdout.write(`${org.slug}: built; version ${(await live())?.version ?? 0} is live\n`);
}
