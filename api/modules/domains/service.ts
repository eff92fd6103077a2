import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import type { DomainsView } from './routes.ts';

export type DomainService = ReturnType<typeof createDomainService>;

/** More are not looked up at once. */
const MOST = 50;

/** From domains of connections and of campaigns that may still be sent or were of late, but for what goes to the mail catcher alone. */
export function createDomainService({ tenants, senderDomains }: Pick<Container, 'tenants' | 'senderDomains'>) {
  return {
    list: (orgId: string): Promise<z.input<typeof DomainsView>> => tenants.use(orgId, async ({ sql }) => {
      const used = await sql.rows<{ domain: string; names: string[] }>(USED, [MOST]);
      return { data: await Promise.all(used.map(async ({ domain, names }) => ({ ...(await senderDomains.of(domain)), usedBy: names }))) };
    }),
  };
}

const USED = /* sql */ `
with used as (
  select from_email as email, name from connection where vendor <> 'catcher' and enabled and from_email like '%@%'
  union
  select c.from_email, c.name from campaign c where c.from_email like '%@%' and c.archived_at is null and (c.state in ('scheduled', 'running', 'paused') or c.launched_at > now() - interval '90 days')
     and exists (select from connection n where n.vendor <> 'catcher' and c.delivery->'connections' @> jsonb_build_array(jsonb_build_object('id', n.id))))
select lower(substring(email from '[^@]+$')) as domain, (array_agg(distinct name order by name))[1:5] as names from used group by 1 order by count(*) desc, 1 limit $1`;
