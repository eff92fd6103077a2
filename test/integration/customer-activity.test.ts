import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { pack } from '#domain/customer/activity.ts';
import { keepSent } from '../../activities/customer-activity.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { countRule } from '../../search/population.ts';
import { followOutbox } from '../support/indexing.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

let organization: TestOrganization;
let stopFollowing: () => Promise<void>;
beforeAll(async () => {
  organization = await createTestOrganization();
  stopFollowing = followOutbox(organization);
}, 60_000);
afterAll(async () => {
  await stopFollowing();
  await organization.close();
});

const use = <T>(work: (tenant: Tenant) => Promise<T>) => organization.container.tenants.use(organization.orgId, work);
const T0 = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000;
let ids: number[];
let mails: number[];
let campaign: string;

/** Two people, two campaigns' mails, the first sent to both. */
beforeEach(() => use(async ({ sql }) => {
  ids = (await sql.rows<{ id: number }>(`insert into customer (email, email_key) select e, e from generate_series(1, 2) i, lateral (select i || gen_random_uuid()::text || '@example.com' as e) a returning id`)).map((row) => row.id);
  mails = (await sql.rows<{ no: number }>(`insert into mail (kind, ref_id) select 'campaign', gen_random_uuid() from generate_series(1, 2) returning no`)).map((row) => row.no);
  campaign = (await sql.first<{ id: string }>(`insert into campaign (id, mail_no, name, created_by) select ref_id, no, 'C' || no, 'test' from mail where no = $1 returning id::text`, [mails[0]]))!.id;
  await sql.run('insert into message (mail_no, ordinal, customer_id, connection_no, state, ended_at) select $1, o, c, 1, 2, to_timestamp($3::float8 / 1000) from unnest($2::bigint[]) with ordinality u(c, o)', [mails[0], ids, T0]);
}));

interface Arrival {
  readonly type: string; readonly who?: number; readonly mail?: number | null; readonly after?: number; readonly machine?: boolean; readonly name?: string;
}
/** Events in one batch, applied as the outbox applies them. @param who index of the person @param after seconds after T0 */
const arrive = (...events: Arrival[]) => use(async ({ sql }) => {
  await sql.transaction(async (tx) => {
    const made = [];
    for (const { type, who = 0, mail = mails[0], after = 0, machine = false, name } of events) {
      made.push((await tx.first<{ id: number }>(`insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, machine, detail) values ($1, $2, $3, case when $3::int is null then null else $4::int end, to_timestamp($5::float8 / 1000), 'test', $6, $7) returning id`,
        [type, ids[who], mail, who + 1, T0 + after * 1_000, machine, name === undefined ? null : JSON.stringify({ name })]))!.id);
    }
    await tx.run(`insert into outbox (topic, ids) values ('event', $1)`, [made]);
  });
  while ((await sql.first('select 1 from outbox limit 1')) !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
});
const kept = (who = 0) => use(async ({ sql }) => {
  const row = await sql.first<Record<string, unknown>>('select * from customer_activity where customer_id = $1', [ids[who]]);
  return row === undefined ? undefined : Object.fromEntries(Object.entries(row).filter(([column, value]) => value !== null && column !== 'customer_id'));
});
const second = (after: number) => T0 / 1_000 + after;

test('opens are counted and remembered by mail; a batch makes one version', async () => {
  await arrive({ type: 'opened', after: 5 }, { type: 'opened', after: 9 }, { type: 'opened', after: 7, mail: mails[1]! }, { type: 'opened', who: 1, after: 1, machine: true });
  const both = { opened_last: T0 + 9_000, opened_count: 3, opened_in: [pack(mails[0]!, second(9)), pack(mails[1]!, second(7))] };
  expect(await kept()).toEqual({ version: 1, ...both, opened_any_last: both.opened_last, opened_any_count: 3, opened_any_in: both.opened_in });
  // A machine's open is kept apart.
  expect(await kept(1)).toEqual({ version: 1, opened_any_last: T0 + 1_000, opened_any_count: 1, opened_any_in: [pack(mails[0]!, second(1))] });
});

test('what arrives late changes no later time, and counts', async () => {
  await arrive({ type: 'opened', after: 50 });
  await arrive({ type: 'opened', after: 20 });
  expect(await kept()).toMatchObject({ version: 2, opened_last: T0 + 50_000, opened_count: 2, opened_in: [pack(mails[0]!, second(50))] });
});

test('a click says that she opened the mail, once', async () => {
  await arrive({ type: 'clicked', after: 3 });
  expect(await kept()).toMatchObject({ clicked_count: 1, opened_count: 1, opened_last: T0 + 3_000, opened_in: [pack(mails[0]!, second(3))], opened_any_count: 1 });
  await arrive({ type: 'clicked', after: 6 }, { type: 'clicked', after: 8 });
  expect(await kept()).toMatchObject({ clicked_count: 3, clicked_last: T0 + 8_000, opened_count: 1, opened_in: [pack(mails[0]!, second(3))] });
});

test('custom events by name: the last and how many', async () => {
  await arrive({ type: 'custom', name: 'bought', mail: null, after: 1 }, { type: 'custom', name: 'bought', mail: null, after: 4 }, { type: 'custom', name: 'called', mail: null, after: 2 });
  await arrive({ type: 'custom', name: 'bought', mail: null, after: 3 });
  const nos = await use(async ({ sql }) => Object.fromEntries((await sql.rows<{ name: string; no: number }>('select name, no from custom_event')).map((row) => [row.name, row.no])));
  expect(await kept()).toMatchObject({ version: 2, custom_events: [pack(nos['bought']!, second(4)), pack(nos['called']!, second(2))].sort((a, b) => a - b), custom_event_counts: [pack(nos['bought']!, 3), pack(nos['called']!, 1)].sort((a, b) => a - b) });
});

test('events of somebody erased are passed over', async () => {
  await use(({ sql }) => sql.run('delete from customer where id = $1', [ids[1]]));
  await arrive({ type: 'opened', who: 1 }, { type: 'opened' });
  expect(await kept(1)).toBeUndefined();
  expect(await kept()).toMatchObject({ opened_count: 1 });
});

test('who was sent a mail is told any number of times and kept once', async () => {
  const told = () => use(({ sql }) => sql.transaction((tx) => keepSent(tx, [{ mailNo: mails[0]!, ranges: [1, 1, 2, 9] }, { mailNo: mails[0]!, ranges: [1, 5] }], 'UTC')));
  expect((await told()).sort()).toEqual([...ids].sort());
  expect(await told()).toEqual([]);
  expect(await kept()).toEqual({ version: 1, sent_last: T0, sent_count: 1, sent_in: [pack(mails[0]!, second(0))] });
});

test('a mail of a journey that she gets again counts again', async () => {
  const [, mail] = mails;
  const sendAgain = (visit: number) => use(({ sql }) => sql.run('insert into message (mail_no, ordinal, customer_id, connection_no, state, ended_at, enrollment_id, visit) values ($1, $2, $3, 1, 2, to_timestamp($4::float8 / 1000), 1, $2)', [mail, visit, ids[0], T0 + visit * 60_000]));
  const told = () => use(({ sql }) => sql.transaction((tx) => keepSent(tx, [{ mailNo: mail!, ranges: [1, 9] }], 'UTC')));
  for (const visit of [1, 2]) {
    await sendAgain(visit);
    await told();
    await told();
    expect(await kept()).toEqual({ version: visit, sent_last: T0 + visit * 60_000, sent_count: visit, sent_in: [pack(mail!, second(visit * 60))] });
  }
  expect(await use(({ sql }) => sql.first('select sum(sent)::int as sent from domain_count where mail_no = $1', [mail]))).toEqual({ sent: 2 });
});

test('a count asked after the event was acknowledged has it', async () => {
  await arrive({ type: 'clicked', after: 0 });
  const asks = (event: string, more: object = {}) => use(async (tenant) => (await countRule(tenant, { op: 'and', parts: [{ event, operator: 'has_done', campaign, ...more }] })).total);
  expect([await asks('clicked'), await asks('opened', { window: { last: 2, unit: 'HOUR' } }), await asks('clicked', { window: { last: 30, unit: 'MINUTE' } })]).toEqual([1, 1, 0]);
  await use(({ sql }) => sql.run(`insert into outbox (topic, ids, payload) values ('sent', '{1,2}', jsonb_build_object('mail', $1::int))`, [mails[0]]));
  expect(await asks('sent')).toBe(2);
});
