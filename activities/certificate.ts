import type { Certificate } from '#domain/campaign/certificate.ts';
import type { Sql } from '../infra/db/sql.ts';
import type { CampaignInput } from '../workflows/contracts.ts';
import { audienceHash } from './audience.ts';

const DIFFERING = 100;

/**
 * Recounts an ended campaign and stores its certificate.
 * @returns false while `sent` events of it are still on their way to the customers' records
 */
export async function certify(sql: Sql, input: CampaignInput): Promise<boolean> {
  return sql.transaction(async (tx) => {
    // All counts see the same moment, whatever evidence arrives meanwhile.
    await tx.run('set transaction isolation level repeatable read');
    const campaign = await tx.first<{ recipients: number | null; hash: string | null; isDone: boolean }>(
      'select recipients, audience_hash as hash, certificate is not null as "isDone" from campaign where id = $1', [input.campaignId]);
    if (campaign === undefined || campaign.isDone || campaign.hash === null) return true;
    const isOnItsWay = await tx.first(`select 1 from outbox where topic = 'sent' and (payload->>'mail')::int = $1 limit 1`, [input.mailNo]);
    if (isOnItsWay !== undefined) return false;

    const ledger = (await tx.first<Certificate['ledger']>(
      `select count(*) filter (where state = 2)::int as sent, count(*) filter (where state = 3)::int as failed, count(*) filter (where state = 4)::int as skipped, count(*) filter (where state = 5)::int as "inDoubt"
         from message where mail_no = $1`, [input.mailNo]))!;
    const counters = (await tx.first<Certificate['counters']>(
      `select coalesce(sum(sent), 0)::int as sent, coalesce(sum(failed), 0)::int as failed, coalesce(sum(skipped), 0)::int as skipped, coalesce(sum(in_doubt), 0)::int as "inDoubt" from mail_count where mail_no = $1`, [input.mailNo]))!;
    const reasons = await tx.rows<Certificate['reasons'][number]>(
      `select case state when 3 then 'failed' when 4 then 'skipped' else 'in_doubt' end as state, coalesce(reason, 'other') as reason, count(*)::int as count from message where mail_no = $1 and state in (3, 4, 5)
        group by 1, 2 order by 3 desc, 2`, [input.mailNo]);
    const events = (await tx.first<{ sent: number; erased: number; differing: number[] | null }>(EVENTS, [input.mailNo]))!;
    const recounted = await audienceHash(tx, input.mailNo);
    const resolved = campaign.recipients ?? 0;
    const isBalanced = recounted === campaign.hash && resolved === ledger.sent + ledger.failed + ledger.skipped + ledger.inDoubt
      && JSON.stringify(ledger) === JSON.stringify(counters) && events.differing === null;
    const certificate: Certificate = {
      audience: { frozen: campaign.hash, recounted }, resolved, ledger, reasons, counters, events: { sent: events.sent, erased: events.erased },
      verdict: isBalanced ? 'balanced' : 'differs', differing: events.differing ?? [], issuedAt: new Date().toISOString(),
    };
    await tx.run('update campaign set certificate = $2 where id = $1', [input.campaignId, JSON.stringify(certificate)]);
    return true;
  });
}

// Of erased people the ledger keeps the row and nothing is left to compare.
const EVENTS = /* sql */ `
with recipient as (
  select m.customer_id, m.state = 2 as was_sent, c.id is null as erased, coalesce($1 = any(select (v >> 32)::int from unnest(a.sent_in) v), false) as has_event
    from message m left join customer c on c.id = m.customer_id left join customer_activity a on a.customer_id = m.customer_id where m.mail_no = $1)
select count(*) filter (where has_event)::int as sent, count(*) filter (where erased)::int as erased,
       (array_agg(customer_id order by customer_id) filter (where not erased and was_sent <> has_event))[1:${DIFFERING}] as differing from recipient`;
