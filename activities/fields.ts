import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import type { Sql } from '../infra/db/sql.ts';
import { HOLD_FIELDS } from '../infra/fields/catalogue.ts';
import { waitUntilSearchable } from '../search/freshness.ts';
import type { FieldInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { translating } from './errors.ts';

export type FieldActivities = ReturnType<typeof createFieldActivities>;

/** Customers of one transaction: what others may wait for, about 0.2 s. */
const BATCH = 5_000;
/** Finding the next holders of a rare field reads past millions of rows: the heartbeat goes by the clock. */
const HEARTBEAT_MS = 5_000;
const WRITERS_CHECK_MS = 200;

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createFieldActivities({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>, isStopping: () => boolean) {
  const goOn = () => {
    Context.current().cancellationSignal.throwIfAborted();
    if (isStopping()) throw new Error('this worker stops; the removal goes on elsewhere');
  };
  const keyOf = async (sql: Sql, fieldNo: number) => (await sql.first<{ key: string }>('select key from custom_field where field_no = $1 and removing', [fieldNo]))?.key;

  return translating({
    /** How many imports under way may still write the field. */
    async readFieldWriters({ orgId, fieldNo }: FieldInput): Promise<{ imports: number }> {
      return tenants.use(orgId, async ({ sql }) => {
        const key = await keyOf(sql, fieldNo);
        return { imports: key === undefined ? 0 : (await sql.rows(WRITING_IMPORTS, [key])).length };
      });
    },

    /** Takes a removed field's values from every customer, by id. Done twice it changes nothing. */
    async stripField({ orgId, fieldNo }: FieldInput): Promise<{ customers: number }> {
      return alive(HEARTBEAT_MS, () => tenants.use(orgId, async ({ sql }) => {
        const key = await keyOf(sql, fieldNo);
        if (key === undefined) return { customers: 0 };
        await untilWritersEnded(sql, goOn);
        for (let customers = 0, cursor = 0; ; ) {
          goOn();
          const batch = (await sql.first<{ n: number; last: number | null }>(STRIP, [cursor, key, BATCH]))!;
          if (batch.last === null) return { customers };
          cursor = batch.last;
          customers += batch.n;
          gateway.nudgeOutbox(orgId);
        }
      }));
    },

    /** Deletes the field when no value of it is left in the index either. @returns `gone: false` while an import may still write it */
    async dropField({ orgId, fieldNo }: FieldInput): Promise<{ gone: boolean }> {
      return alive(HEARTBEAT_MS, () => tenants.use(orgId, async (tenant) => {
        const key = await keyOf(tenant.sql, fieldNo);
        if (key === undefined) return { gone: true };
        gateway.nudgeOutbox(orgId);
        // Its slot is the next one given away: an old value left there would be another field's.
        await waitUntilSearchable(tenant, { onWait: () => { goOn(); gateway.nudgeOutbox(orgId); } });
        return tenant.sql.transaction(async (tx) => {
          await tx.run(HOLD_FIELDS);
          if ((await tx.first(WRITING_IMPORTS, [key])) !== undefined) return { gone: false };
          await tx.run('delete from custom_field where field_no = $1 and removing', [fieldNo]);
          return { gone: true };
        });
      }));
    },
  });
}

/** Waits until every transaction has ended that may have looked the field up before it was removed. */
async function untilWritersEnded(sql: Sql, goOn: () => void): Promise<void> {
  const { horizon } = (await sql.first<{ horizon: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as horizon'))!;
  for (;;) {
    goOn();
    const ended = await sql.first<{ ended: boolean }>('select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 as ended', [horizon]);
    if (ended!.ended) return;
    await sleep(WRITERS_CHECK_MS);
  }
}

const STRIP = /* sql */ `
with held as materialized (
  select id from customer where id > $1 and custom ? $2 order by id limit $3 for update
), stripped as (
  update customer c set custom = c.custom - $2::text, version = c.version + 1, updated_at = now() from held where c.id = held.id returning c.id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from stripped having count(*) > 0
)
select count(*) as n, max(id) as last from stripped`;

const WRITING_IMPORTS = /* sql */ `
select no from import_job where state in ('queued', 'validating', 'running') and options->'columns' @> jsonb_build_array(jsonb_build_object('target', 'custom:' || $1::text))`;
