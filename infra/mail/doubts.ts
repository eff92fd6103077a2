import { statement, type Sql } from '../db/sql.ts';

/** Evidence that did not come by then does not come. */
const CLOSED_AFTER = "interval '72 hours'";

/**
 * Closes doubts of hours that are over for 72 hours: nothing said that they were sent or that they were not. They are still
 * counted as in doubt, with the reason `unknown`. Cheap to call often: a mail is looked into once for each of its hours with
 * doubts.
 * @returns how many were closed
 */
export async function closeDoubts(sql: Sql): Promise<number> {
  let closed = 0;
  for (const { mailNo } of await sql.rows<{ mailNo: number }>(WITH_OLD_DOUBTS)) {
    closed += await sql.transaction(async (tx) => {
      const row = await tx.first<{ until: Date }>(`update mail set doubts_closed_at = now() - ${CLOSED_AFTER} where no = $1 returning doubts_closed_at as until`, [mailNo]);
      return row === undefined ? 0 : ((await tx.first<{ closed: number }>(CLOSE, [mailNo, row.until]))?.closed ?? 0);
    });
  }
  return closed;
}

// The counters say in which hours doubts arose: one that is over for so long and was not over at the last look.
const WITH_OLD_DOUBTS = statement('doubts-old', /* sql */ `
select r.mail_no as "mailNo" from reason_count r join mail on mail.no = r.mail_no
 where r.state = 5 and r.reason not in ('unknown', 'erased')
   and exists (select from mail_count n where n.mail_no = r.mail_no and n.in_doubt > 0 and n.hour + interval '1 hour' <= now() - ${CLOSED_AFTER}
                  and (mail.doubts_closed_at is null or n.hour + interval '1 hour' > mail.doubts_closed_at))
 group by r.mail_no having sum(r.count) > 0 order by r.mail_no`);

const CLOSE = statement('doubts-close', /* sql */ `
with held as (
  select ordinal, coalesce(reason, 'other') as doubt from message
   where mail_no = $1 and state = 5 and reason is distinct from 'unknown' and reason is distinct from 'erased' and ended_at <= $2 order by ordinal for update),
closed as (update message m set reason = 'unknown' from held h where m.mail_no = $1 and m.ordinal = h.ordinal returning 1),
moved as (
  insert into reason_count (mail_no, state, reason, count)
  select $1, 5, reason, sum(n) from (select doubt as reason, -1 as n from held union all select 'unknown', 1 from held) m group by reason
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count)
select count(*)::int as closed from closed`);
