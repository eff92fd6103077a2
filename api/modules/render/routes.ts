import { z } from 'zod';
import { route, type Route } from '../../http/route.ts';
import { RenderView } from './views.ts';

const CONTENT_LIMIT = 2 * 1_024 * 1_024;

export const renderRoutes = [
  route({
    method: 'post', path: '/render', capability: 'campaigns.view', scope: 'campaigns:read', tag: 'campaigns', summary: 'A mail as a person would get it.', bodyLimit: 3 * CONTENT_LIMIT,
    body: z.strictObject({
      subject: z.string().max(250).default(''), preheader: z.string().max(250).default(''), html: z.string().max(CONTENT_LIMIT).default(''), text: z.string().max(CONTENT_LIMIT).default(''), customerId: z.int().positive().optional(),
    }),
    reply: RenderView,
    handle: ({ org, body, services }) => services.render.render(org, body),
  }),
] as unknown as readonly Route[];
