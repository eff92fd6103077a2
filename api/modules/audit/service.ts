import { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';

export type AuditService = ReturnType<typeof createAuditService>;

interface AuditRow { readonly id: number; readonly at: Date; readonly actor: string; readonly action: string; readonly subject: string | null }

/** Who did what, when: rows are only ever added. */
export function createAuditService({ tenants, logger }: Container) {
  return {
    /** Writes one row; a failure is logged and does not undo what was done. */
    async record(org: string, actor: string, action: string, subject: string | null = null, detail: Readonly<Record<string, unknown>> = {}): Promise<void> {
      const write = tenants.use(org, ({ sql }) => sql.run('insert into audit (actor, action, subject, detail) values ($1, $2, $3, $4)', [actor, action, subject, JSON.stringify(detail)]));
      await write.catch((error: unknown) => logger.warn({ err: error, org, action }, 'an audit row was not written'));
    },
    list: (org: string, query: ListQuery) =>
      tenants.use(org, async ({ sql }) => {
        const after = decodeCursor(query.cursor, z.tuple([z.number()]));
        const rows = await sql.rows<AuditRow>(
          'select id, at, actor, action, subject from audit where $1::bigint is null or id < $1 order by id desc limit $2',
          [after?.[0] ?? null, query.limit + 1],
        );
        return toPage(rows, query.limit, (row) => [row.id], (row) => ({ id: row.id, at: row.at.toISOString(), actor: row.actor, action: row.action, subject: row.subject }));
      }),
  };
}
