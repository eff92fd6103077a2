import type { EngagementTallies } from '#domain/campaign/engagement.ts';
import type { Tally } from '#domain/campaign/tally.ts';
import type { Transaction } from '../infra/db/sql.ts';

/** Adds what was tallied to the counters of the reports, rows in the order of their keys. */
export async function writeTallies(tx: Transaction, tallies: EngagementTallies): Promise<void> {
  await addCounts(tx, 'mail_count', { mail_no: 'int', hour: 'timestamptz', connection_no: 'int2', variant: 'int2' }, tallies.mails, (key) => [key[0], new Date(key[1]!).toISOString(), key[2], key[3]]);
  await addCounts(tx, 'reason_count', { mail_no: 'int', state: 'int2', reason: 'text' }, tallies.reasons);
  await addCounts(tx, 'link_count', { mail_no: 'int', link_no: 'int2' }, tallies.links);
  await addClickers(tx, tallies.clickers);
  await addCounts(tx, 'place_count', { mail_no: 'int', country: 'text', city: 'text' }, tallies.places);
  await addCounts(tx, 'client_count', { mail_no: 'int', client: 'text', device: 'text' }, tallies.clients);
  await addCounts(tx, 'machine_count', { mail_no: 'int', reason: 'text' }, tallies.machines);
  await addCounts(tx, 'domain_count', { mail_no: 'int', on_day: 'date', domain: 'text' }, tallies.domains);
}

/** @param keys columns of the table's key with their types, in order; a shard it has besides stays 0 */
async function addCounts(tx: Transaction, table: string, keys: Readonly<Record<string, string>>, tally: Tally<readonly string[]>, write: (key: readonly (string | number)[]) => unknown[] = (key) => [...key]): Promise<void> {
  const rows = tally.rows();
  if (rows.length === 0) return;
  const names = Object.keys(keys);
  const counters = [...new Set(rows.flatMap((row) => Object.keys(row.counts)))].sort();
  const written = rows.map((row) => write(row.key));
  const shard = table === 'mail_count' || table === 'reason_count' ? ['shard'] : [];
  await tx.run(`
    insert into ${table} (${[...names, ...counters].join(', ')})
    select * from unnest(${[...Object.values(keys), ...counters.map(() => 'int')].map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) order by ${names.map((_, i) => i + 1).join(', ')}
    on conflict (${[...names, ...shard].join(', ')}) do update set ${counters.map((counter) => `${counter} = ${table}.${counter} + excluded.${counter}`).join(', ')}`, [
    ...names.map((_, i) => written.map((key) => key[i])),
    ...counters.map((counter) => rows.map((row) => row.counts[counter] ?? 0)),
  ]);
}

/** Who clicked which link how often; a link's unique clicks are its clickers. */
async function addClickers(tx: Transaction, tally: EngagementTallies['clickers']): Promise<void> {
  const rows = tally.rows();
  if (rows.length === 0) return;
  await tx.run(`
    with written as (
      insert into link_clicker (mail_no, link_no, ordinal, clicks)
      select * from unnest($1::int[], $2::int2[], $3::int[], $4::int[]) order by 1, 2, 3
      on conflict (mail_no, link_no, ordinal) do update set clicks = link_clicker.clicks + excluded.clicks
      returning mail_no, link_no, clicks, xmax = 0 as is_new
    ), changed as (
      select mail_no, link_no, count(*) filter (where is_new and clicks > 0) - count(*) filter (where not is_new and clicks <= 0) as n from written group by 1, 2
    )
    insert into link_count (mail_no, link_no, unique_clicks) select mail_no, link_no, n from changed where n <> 0 order by 1, 2
    on conflict (mail_no, link_no) do update set unique_clicks = link_count.unique_clicks + excluded.unique_clicks`, [
    rows.map((row) => row.key[0]), rows.map((row) => row.key[1]), rows.map((row) => row.key[2]), rows.map((row) => row.counts['clicks'] ?? 0),
  ]);
  if (rows.every((row) => (row.counts['clicks'] ?? 0) > 0)) return;
  await tx.run('delete from link_clicker l using unnest($1::int[], $2::int2[], $3::int[]) u(mail_no, link_no, ordinal) where l.mail_no = u.mail_no and l.link_no = u.link_no and l.ordinal = u.ordinal and l.clicks <= 0', [
    rows.map((row) => row.key[0]), rows.map((row) => row.key[1]), rows.map((row) => row.key[2]),
  ]);
}
