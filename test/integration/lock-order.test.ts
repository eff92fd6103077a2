import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRecorder } from '../../api/track/recorder.ts';
import { KEEP_SUPPRESSIONS } from '../../infra/customers/suppression-lock.ts';
import { settleRefusals, tick, type Hold } from '../../infra/mail/ledger.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** Suppressions, then messages, then customers: who waits for one of them holds none that comes after. */

let organization: TestOrganization;
beforeAll(async () => {
  organization = await createTestOrganization();
}, 60_000);
afterAll(() => organization.close());

const inTenant = <T>(work: Parameters<typeof organization.container.tenants.use<T>>[1]) => organization.container.tenants.use(organization.orgId, work);
const sql = <T extends object>(text: string, values: unknown[] = []) => inTenant((tenant) => tenant.sql.rows<T>(text, values));

/** Runs `work` on a connection of its own, in a transaction that is taken back. */
async function holding<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const { pool } = await inTenant((tenant) => Promise.resolve(tenant));
  const client = await pool.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

/** Everybody who waits for a lock in this database. */
const waiting = () => sql<{ n: number }>(`select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
const oneWaits = () => expect.poll(waiting, { timeout: 5_000 }).toEqual([{ n: 1 }]);

const MESSAGE = 'select 1 from message where mail_no = $1 and ordinal = $2 for update nowait';
const CUSTOMER = 'select 1 from customer c join message m on m.customer_id = c.id where m.mail_no = $1 and m.ordinal = $2 for update of c nowait';

/** A campaign of which nobody was sent to yet, with a lane that holds it. */
async function pending(label: string, people: number): Promise<Hold> {
  const { mailNo } = await createSentCampaign(organization, { name: label, recipients: Array.from({ length: people }, (_, i) => `${label}${i}@order.example`) });
  await sql('update message set state = 0, ended_at = null, started_at = null, attempt = 0 where mail_no = $1', [mailNo]);
  await sql('update mail set open = true where no = $1', [mailNo]);
  const [lane] = await sql<{ id: number }>('insert into lane (mail_no, connection_no, shard, epoch) values ($1, 1, 1, 1) returning id', [mailNo]);
  return { mailNo, laneId: lane!.id, epoch: 1, shard: 1, connectionNo: 1, variant: null, cap: { mails: 5, days: 7 }, isJourney: false };
}

test('a dead address waits for its suppression before it holds its message', async () => {
  const hold = await pending('dead', 1);
  await inTenant((tenant) => tick(tenant.sql, hold, [], [1], false));
  const settling = await holding(async (making) => {
    await making.query(KEEP_SUPPRESSIONS);
    const refusal = { ordinal: 1, verdict: 'fail', usesAttempt: true, dueInMs: 0, reason: 'hard_bounce', reply: '550 5.1.1', isHardBounce: true, bounceClass: 'hard' } as const;
    const result = inTenant((tenant) => settleRefusals(tenant.sql, hold, [refusal]));
    await oneWaits();
    await holding((other) => other.query(MESSAGE, [hold.mailNo, 1]));
    return { result };
  });
  expect(await settling.result).toBe(true);
  expect(await sql('select reason from suppression where email_key = $1', ['dead0@order.example'])).toEqual([{ reason: 'hard_bounce' }]);
});

test('a tick that asks for the cap holds what it writes before the people it asks about', async () => {
  const hold = await pending('cap', 2);
  expect((await inTenant((tenant) => tick(tenant.sql, hold, [], [1], false))).granted).toEqual([1]);
  for (const ordinal of [1, 2]) {
    const asking = await holding(async (erasing) => {
      await erasing.query(MESSAGE, [hold.mailNo, ordinal]);
      // The first has ended, the second is asked for.
      const result = inTenant((tenant) => tick(tenant.sql, hold, ordinal === 1 ? [{ ordinal: 1, state: 2, reason: null, reply: '250' }] : [], [2], false));
      await oneWaits();
      await holding((other) => other.query(CUSTOMER, [hold.mailNo, 2]));
      return { result };
    });
    expect((await asking.result).granted).toEqual([2]);
    await sql('update message set state = 0 where mail_no = $1 and ordinal = 2', [hold.mailNo]);
  }
  expect(await sql('select state from message where mail_no = $1 and ordinal = 1', [hold.mailNo])).toEqual([{ state: 2 }]);
});

test('a reader who unsubscribes while her message is written holds nobody up', async () => {
  const { mailNo } = await createSentCampaign(organization, { name: 'leaving', recipients: ['leaving@order.example'] });
  const orgNo = await inTenant(({ org }) => Promise.resolve(org.no));
  const recorder = createRecorder({ tenants: organization.container.tenants, gateway: { ...organization.container.gateway, nudgeOutbox: () => undefined } });
  const leaving = await holding(async (applying) => {
    await applying.query(MESSAGE, [mailNo, 1]);
    const result = recorder.unsubscribe({ orgNo, mailNo, ordinal: 1, link: 0 });
    await oneWaits();
    await holding((other) => other.query(CUSTOMER, [mailNo, 1]));
    return { result };
  });
  expect(await leaving.result).toBe(true);
  expect(await sql('select is_unsubscribed as left from customer where email_key = $1', ['leaving@order.example'])).toEqual([{ left: true }]);
});
