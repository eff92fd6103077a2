import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';

const AuditEntry = z.object({ id: z.number(), at: z.string(), actor: z.string(), action: z.string(), subject: z.string().nullable() });

export const auditRoutes = [
  route({
    method: 'get', path: '/audit', capability: 'audit.view', summary: 'Who did what, newest first.', tag: 'audit',
    query: z.object(listQuery), reply: listReply(AuditEntry),
    handle: ({ org, query, services }) => services.audit.list(org, query),
  }),
];
