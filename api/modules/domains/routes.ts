import { z } from 'zod';
import { route } from '../../http/route.ts';

const verdict = z.object({ state: z.enum(['ok', 'missing', 'wrong', 'unknown']), message: z.string(), record: z.string().nullable() });

export const DomainsView = z.object({
  data: z.array(z.object({
    domain: z.string(), spf: verdict, dkim: verdict, dmarc: verdict,
    /** Connections and campaigns that send in its name, by name. */
    usedBy: z.array(z.string()),
  })),
}).meta({ id: 'SendingDomains' });

export const domainRoutes = [
  route({
    method: 'get', path: '/domains', capability: 'connections.view', scope: 'connections:read', tag: 'connections', summary: 'SPF, DKIM and DMARC of the From domains in use; looked up at most every ten minutes.', reply: DomainsView,
    handle: ({ org, services }) => services.domains.list(org),
  }),
];
