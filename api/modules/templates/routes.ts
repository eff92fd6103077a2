import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { gallery } from './gallery/index.ts';
import { GalleryView, TemplateRowView, TemplateView } from './views.ts';

const tag = 'templates';
const params = z.strictObject({ id: z.uuid() });
const CONTENT_LIMIT = 2 * 1_024 * 1_024;
const name = z.string().trim().min(1, 'Give the template a name.').max(150, 'At most 150 characters.');
const line = (max: number) => z.string().max(max, `At most ${max} characters.`).optional();
const content = { description: line(500), subject: line(250), preheader: line(250), html: line(CONTENT_LIMIT), text: line(CONTENT_LIMIT) };

export const templateRoutes = [
  route({
    method: 'get', path: '/templates', capability: 'campaigns.view', tag, scope: 'templates:read', summary: 'Saved templates by name, without their content.',
    query: z.strictObject({ ...listQuery, search: z.string().max(200).optional() }), reply: listReply(TemplateRowView),
    handle: ({ org, query, services }) => services.templates.list(org, query),
  }),
  route({
    method: 'get', path: '/templates/gallery', capability: 'campaigns.view', tag, scope: 'templates:read', summary: 'Ready-made templates to start from.',
    reply: z.object({ data: z.array(GalleryView) }),
    handle: () => Promise.resolve({ data: [...gallery] }),
  }),
  route({
    method: 'post', path: '/templates', capability: 'campaigns.edit', tag, scope: 'templates:write', status: 201, bodyLimit: 3 * CONTENT_LIMIT, summary: 'Saves content as a template.',
    body: z.strictObject({ name, ...content }), reply: TemplateView,
    handle: ({ org, actor, body, services }) => services.templates.create(org, actor.name, body),
  }),
  route({
    method: 'get', path: '/templates/:id', capability: 'campaigns.view', tag, scope: 'templates:read', summary: 'One template with its content.', params, reply: TemplateView,
    handle: ({ org, params: { id }, services }) => services.templates.get(org, id),
  }),
  route({
    method: 'patch', path: '/templates/:id', capability: 'campaigns.edit', tag, scope: 'templates:write', bodyLimit: 3 * CONTENT_LIMIT, summary: 'Changes a template; `version` refuses a stale change. Mails made from it stay as they are.', params,
    body: z.strictObject({ version: z.int(), name: name.optional(), ...content }), reply: TemplateView,
    handle: ({ org, params: { id }, body, services }) => services.templates.edit(org, id, body),
  }),
  route({
    method: 'delete', path: '/templates/:id', capability: 'campaigns.edit', tag, scope: 'templates:write', summary: 'Deletes a template. Mails made from it stay as they are.', params, reply: null,
    handle: ({ org, params: { id }, services }) => services.templates.remove(org, id),
  }),
];
