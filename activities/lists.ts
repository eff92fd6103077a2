import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import type { Sql } from '../infra/db/sql.ts';
import type { ListInput } from '../workflows/contracts.ts';
import { translating } from './errors.ts';

export type ListActivities = ReturnType<typeof createListActivities>;

/** Members of one transaction: what others may wait for, about 0.2 s. */
const BATCH = 5_000;

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createListActivities({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>, isStopping: () => boolean) {
  return translating({
    /** Takes every member off a removed list, then deletes its record. Done twice it changes nothing. */
    async takeOffMembers({ orgId, listId }: ListInput): Promise<{ members: number }> {
      return tenants.use(orgId, async ({ sql }) => {
        for (let members = 0; ; ) {
          Context.current().heartbeat();
          Context.current().cancellationSignal.throwIfAborted();
          if (isStopping()) throw new Error('this worker stops; the removal goes on elsewhere');
          const { n } = (await sql.first<{ n: number }>(TAKE_OFF, [listId, BATCH]))!;
          if (n === 0 && (await deleteEmpty(sql, listId))) return { members };
          members += n;
          gateway.nudgeOutbox(orgId);
        }
      });
    },
  });
}

/** @returns whether the list is gone; false when somebody who looked it up before the removal has added one more member */
function deleteEmpty(sql: Sql, listId: string): Promise<boolean> {
  return sql.transaction(async (tx) => {
    // Held until the commit: whoever adds a member now waits, and then finds no list.
    if ((await tx.first('select 1 as found from list_record where id = $1 and removing for update', [listId])) === undefined) return true;
    if ((await tx.first('select 1 as found from list_member where list_id = $1 limit 1', [listId])) !== undefined) return false;
    await tx.run('delete from list_count where list_id = $1', [listId]);
    await tx.run('delete from list_record where id = $1', [listId]);
    return true;
  });
}

const TAKE_OFF = /* sql */ `
with batch as materialized (
  select c.id from list_record l join list_member m on m.list_id = l.id join customer c on c.id = m.customer_id
   where l.id = $1 and l.removing order by m.customer_id limit $2 for update of c
), gone as (
  delete from list_member m using batch where m.list_id = $1 and m.customer_id = batch.id returning m.customer_id as id
), touched as (
  update customer c set version = version + 1, updated_at = now() from gone where c.id = gone.id returning c.id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from touched having count(*) > 0
)
select count(*) as n from touched`;
