import { AppError } from '#domain/shared/errors.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { streamCustomerIds, type AudienceTarget } from '../search/audience.ts';
import type { CampaignInput } from '../workflows/contracts.ts';

type Mail = Pick<CampaignInput, 'campaignId' | 'mailNo'>;

/**
 * Resolves a campaign's targets and freezes who is in: a ledger row each with an ordinal in seeded random order, so that
 * any range is a random sample. All rows appear in one transaction. Begun again it starts over.
 * @param urls destinations of the mail's links, fixed with it
 * @param onProgress called after each page of up to 10,000 ids and about once a second while waiting for the index
 * @returns number of recipients
 */
export async function resolveAudience(tenant: Tenant, mail: Mail, urls: readonly string[], onProgress: () => void): Promise<number> {
  await stage(tenant, mail, onProgress);
  return freeze(tenant, mail, urls);
}

async function stage(tenant: Tenant, { campaignId, mailNo }: Mail, onProgress: () => void): Promise<void> {
  const campaign = await tenant.sql.first<{ targets: AudienceTarget[] }>('select targets from campaign where id = $1', [campaignId]);
  const targets = campaign?.targets ?? [];
  await tenant.sql.run('delete from audience_staging where mail_no = $1', [mailNo]);
  if (targets.every((target) => target.kind === 'list')) {
    // Lists alone need no index: a launch to them goes on while it is down.
    const idsOf = (mode: AudienceTarget['mode']) => targets.filter((target) => target.mode === mode).map((target) => target.id);
    await tenant.sql.run(
      `insert into audience_staging (mail_no, customer_id)
       select distinct $1::int, customer_id from list_member m where list_id = any($2::uuid[])
          and not exists (select from list_member e where e.list_id = any($3::uuid[]) and e.customer_id = m.customer_id)`,
      [mailNo, idsOf('include'), idsOf('exclude')]);
    return;
  }
  // Writing a page goes on while the next one is read.
  let writing: Promise<unknown> = Promise.resolve();
  for await (const ids of streamCustomerIds(tenant, targets, { onWait: onProgress })) {
    await writing;
    writing = tenant.sql.run('insert into audience_staging (mail_no, customer_id) select $1, unnest($2::bigint[])', [mailNo, ids]);
    writing.catch(() => undefined);  // awaited with the next page
    onProgress();
  }
  await writing;
}

async function freeze({ sql }: Tenant, { campaignId, mailNo }: Mail, urls: readonly string[]): Promise<number> {
  const last = await sql.transaction(async (tx) => {
    const connection = await tx.first<{ no: number }>('select n.no from campaign c join connection n on n.id = c.connection_id where c.id = $1 for update of c', [campaignId]);
    if (connection === undefined) throw new AppError('invalid', 'The connection of this campaign is gone.');
    const count = await tx.run(
      `insert into message (mail_no, ordinal, customer_id, connection_no)
       select $1::int, row_number() over (order by hashint8extended(c.id, $1::int), c.id), c.id, $2::int2
         from audience_staging a join customer c on c.id = a.customer_id
        where a.mail_no = $1::int and c.mailable`,
      [mailNo, connection.no],
    );
    await tx.run("insert into slice (mail_no, phase, connection_no, first_ordinal, last_ordinal) values ($1, 'sending', $2, 1, $3)", [mailNo, connection.no, count]);
    await tx.run('insert into link (mail_no, no, url) select $1, n - 1, u from unnest($2::text[]) with ordinality x(u, n) on conflict do nothing', [mailNo, urls]);
    await tx.run('delete from audience_staging where mail_no = $1', [mailNo]);
    return count;
  });
  // Lanes read by primary key at once; without statistics the first plans would scan.
  await sql.run('analyze message');
  return last;
}
