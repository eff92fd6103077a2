import { simpleParser } from 'mailparser';
import { z } from 'zod';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';

export type CatcherService = ReturnType<typeof createCatcherService>;
interface Row { readonly id: number; readonly receivedAt: Date; readonly from: string; readonly to: string; readonly subject: string; readonly sizeBytes: number }

const COLUMNS = 'id, received_at as "receivedAt", sender as "from", recipient as "to", subject, size_bytes as "sizeBytes"';
const like = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`;

/** What the mail catcher kept of one organization, newest first. */
export function createCatcherService({ tenants }: Container) {
  async function open(org: string, id: number) {
    const row = await tenants.use(org, ({ sql }) => sql.first<Row & { source: Buffer }>(`select ${COLUMNS}, source from caught_mail where id = $1`, [id]));
    if (row === undefined) throw notFound('mail');
    return row;
  }
  return {
    list: (org: string, query: ListQuery & { readonly search?: string | undefined }) =>
      tenants.use(org, async ({ sql }) => {
        const after = decodeCursor(query.cursor, z.tuple([z.number()]));
        const filter = '($1::text is null or recipient ilike $1 or sender ilike $1 or subject ilike $1)';
        const search = query.search === undefined || query.search === '' ? null : like(query.search);
        const rows = await sql.rows<Row>(`select ${COLUMNS} from caught_mail where ${filter} and ($2::bigint is null or id < $2) order by id desc limit $3`, [search, after?.[0] ?? null, query.limit + 1]);
        const count = query.count === true ? (await sql.first<{ count: number }>(`select count(*)::int as count from caught_mail where ${filter}`, [search]))?.count : undefined;
        return { ...toPage(rows, query.limit, (row) => [row.id], toRow), count };
      }),
    async get(org: string, id: number) {
      const row = await open(org, id);
      const mail = await simpleParser(row.source, { skipImageLinks: true });
      const html = typeof mail.html === 'string' ? mail.html : null;
      return {
        ...toRow(row), html, text: mail.text ?? null,
        headers: mail.headerLines.slice(0, 200).map(({ key, line }) => ({ name: line.slice(0, key.length), value: line.slice(line.indexOf(':') + 1).trim() })),
        links: linksOf(html, mail.text ?? ''),
      };
    },
    source: async (org: string, id: number) => (await open(org, id)).source,
    clear: (org: string) => tenants.use(org, async ({ sql }) => void (await sql.run('delete from caught_mail'))),
  };
}

function toRow(row: Row) {
  return { id: row.id, receivedAt: row.receivedAt.toISOString(), from: row.from, to: row.to, subject: row.subject, sizeBytes: row.sizeBytes };
}

/** Links of the HTML with their words, else those of the text. */
function linksOf(html: string | null, text: string): { text: string; url: string }[] {
  const found = html === null
    ? [...text.matchAll(/https?:\/\/[^\s<>"]+/g)].map(([url]) => ({ text: url, url }))
    : [...html.matchAll(/<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([\s\S]*?)<\/a>/gi)].map(([, double, single, inner]) => ({
        url: unescapeHtml(double ?? single ?? ''),
        text: unescapeHtml((inner ?? '').replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim(),
      }));
  return found.slice(0, 500);
}

function unescapeHtml(text: string): string {
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ({ lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' })[name] ?? '');
}
