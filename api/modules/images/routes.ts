import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { ImageView } from './views.ts';

const tag = 'templates';

export const imageRoutes = [
  route({
    method: 'get', path: '/images', capability: 'campaigns.view', tag, scope: 'templates:read', summary: 'Pictures for mails, newest first.',
    query: z.strictObject({ ...listQuery, search: z.string().max(200).optional() }), reply: listReply(ImageView),
    handle: ({ org, query, services }) => services.images.list(org, query),
  }),
  route({
    method: 'post', path: '/images', capability: 'campaigns.edit', tag, scope: 'templates:write', status: 201, bodyMode: 'stream', summary: 'Uploads a PNG, JPEG, GIF or WebP picture of up to 5 MB as the raw body.',
    query: z.strictObject({ name: z.string().trim().min(1).max(255).default('picture') }), reply: ImageView,
    handle: ({ org, actor, query, req, services }) => services.images.upload(org, actor.name, req, query.name),
  }),
  route({
    method: 'delete', path: '/images/:id', capability: 'campaigns.edit', tag, scope: 'templates:write', summary: 'Deletes a picture that no draft, campaign on its way or template uses.', params: z.strictObject({ id: z.uuid() }), reply: null,
    handle: ({ org, params: { id }, services }) => services.images.remove(org, id),
  }),
];
