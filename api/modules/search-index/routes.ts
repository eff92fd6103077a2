import { z } from 'zod';
import { route } from '../../http/route.ts';

export const SearchIndexView = z.object({
  /** Where plain dates begin, as conditions read them now. */
  timezone: z.string(),
  /** The next version while it is being built: reads go on with the live one until it is done. */
  building: z.object({
    reason: z.enum(['fields', 'timezone', 'growth', 'rebuild']),
    customersDone: z.int(), customersTotal: z.int(), startedAt: z.string(),
  }).nullable(),
}).meta({ id: 'SearchIndex' });

export const searchIndexRoutes = [
  route({
    method: 'get', path: '/search-index', capability: 'customers.view', tag: 'fields', scope: 'customers:read', summary: 'Whether customers are being indexed anew, why, and how far it is.',
    reply: SearchIndexView,
    handle: ({ org, services }) => services.searchIndex.get(org),
  }),
];
