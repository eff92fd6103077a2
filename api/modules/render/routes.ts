import { z } from 'zod';
import { route, type Route } from '../../http/route.ts';
import { RenderView } from './views.ts';

const CONTENT_LIMIT = 2 * 1_024 * 1_024;
const line = (max: number) => z.string().max(max, `At most ${max} characters.`).optional();

export const renderRoutes = [
  route({
    method: 'post', path: '/render', capability: 'campaigns.view', scope: 'campaigns:read', tag: 'templates', bodyLimit: 3 * CONTENT_LIMIT,
    summary: 'A mail as a person would get it, with its links and everything that can be said against it.',
    body: z.strictObject({
      subject: line(250), preheader: line(250), fromName: line(150), html: line(CONTENT_LIMIT), text: line(CONTENT_LIMIT),
      /** Whose name, UTM and choices it has; parts that are left out are taken from it. */
      campaignId: z.uuid().optional(),
      /** Instead of a campaign: a journey and one of its send steps, as the draft has it, else the live version. */
      journeyId: z.uuid().optional(), step: z.string().max(40).optional(),
      /** Label of an A/B variant of the campaign. */
      variant: z.string().regex(/^[A-Z]$/, 'Expected the label of a variant, like A.').optional(),
      /** Without one the sample person. */
      customerId: z.int().positive().optional(),
      /** Other choices of spintax than this person's. */
      seed: z.int().min(0).max(2_147_483_647).optional(),
    }),
    reply: RenderView,
    handle: ({ org, body, services }) => services.render.render(org, body),
  }),
] as unknown as readonly Route[];
