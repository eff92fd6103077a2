import { toOpenApi } from '../../http/openapi.ts';
import { route } from '../../http/route.ts';

let made: unknown;

export const openapiRoutes = [
  route({
    method: 'get', path: '/openapi.json', capability: 'public', summary: 'This description.', tag: 'openapi', reply: 'stream',
    handle: async ({ res }) => {
      // The registry lists this route too: it is complete only when somebody asks.
      made ??= toOpenApi((await import('../../routes.ts')).routes);
      res.json(made);
    },
  }),
];
