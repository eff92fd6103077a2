import type { Readable } from 'node:stream';
import { z } from 'zod';
import { notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { newId } from '../../../infra/ids.ts';
import { imageFiles, readImage } from '../../../infra/images/files.ts';
import { imageTypes, sniffImage } from '../../../infra/images/sniff.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import type { TenantRecord } from '../../../infra/tenancy/registry.ts';
import { publicUrl } from '../../../infra/tenancy/tracking-hosts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { refuseInUse } from '../segments/uses.ts';
import { IMAGE, toImageView, type ImageRecord } from './views.ts';

export type ImageService = ReturnType<typeof createImageService>;

/** Pictures for mails: files in the state folder, served to everybody who knows their address. */
export function createImageService({ tenants, config, secrets }: Pick<Container, 'tenants' | 'config' | 'secrets'>) {
  const ids = createTrackingIds(secrets);
  const publicId = (orgNo: number, no: number) => ids.mint({ orgNo, mailNo: 0, ordinal: no }, [{ kind: 'image', link: 0 }])[0]!;
  const view = (org: TenantRecord, row: ImageRecord) => toImageView(row, `${publicUrl(org, config.FERMATA_BASE_URL)}/api/track/images/${publicId(org.no, row.no)}`);

  return {
    /** Stores a picture. What it is is read from its bytes. @throws AppError `too_large`, `invalid` for anything but the four kinds */
    upload: (orgId: string, actor: string, body: Readable, name: string) => tenants.use(orgId, async ({ sql, org }) => {
      const bytes = await readImage(body);
      const found = sniffImage(bytes);
      if (found === null) throw refuse('file', `This is no picture that mail programs show. Upload a ${Object.values(imageTypes).join(', ').replace(/, (\w+)$/, ' or $1')} file.`);
      const id = newId();
      const files = imageFiles(config, orgId);
      await files.write(id, bytes);
      try {
        await sql.run('insert into image (id, name, type, size_bytes, width, height, created_by) values ($1, $2, $3, $4, $5, $6, $7)', [id, name, found.type, bytes.length, found.width, found.height, actor]);
      } catch (error) {
        await files.remove(id);
        throw error;
      }
      return view(org, (await sql.first<ImageRecord>(`${IMAGE} where id = $1`, [id]))!);
    }),

    /** Newest first; ids are made in the order of time. */
    list: (orgId: string, query: ListQuery & { search?: string | undefined }) => tenants.use(orgId, async ({ sql, org }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.uuid()]));
      const search = query.search?.trim().toLowerCase() ?? '';
      const matches = `($1 = '' or position($1 in lower(name)) > 0)`;
      const rows = await sql.rows<ImageRecord>(`${IMAGE} where ${matches} and ($2::uuid is null or id < $2::uuid) order by id desc limit $3`, [search, after?.[0] ?? null, query.limit + 1]);
      const page = toPage(rows, query.limit, (row) => [row.id], (row) => view(org, row));
      return query.count === true ? { ...page, count: (await sql.first<{ n: number }>(`select count(*) as n from image where ${matches}`, [search]))!.n } : page;
    }),

    /**
     * Deletes a picture for good; mails that were sent with it show its alt text from then on.
     * @throws AppError `conflict` that lists campaigns that may still be sent and templates with it
     */
    remove: (orgId: string, id: string) => tenants.use(orgId, async ({ sql, org }) => {
      const row = await sql.first<ImageRecord>(`${IMAGE} where id = $1`, [id]);
      if (row === undefined) throw notFound('picture');
      const uses = await sql.rows<{ kind: string; name: string }>(USES, [publicId(org.no, row.no)]);
      refuseInUse('picture', uses.map((use) => `${use.kind} “${use.name}”`));
      await sql.run('delete from image where id = $1', [id]);
      await imageFiles(config, orgId).remove(id);
    }),
  };
}

const USES = /* sql */ `
select 'campaign' as kind, name from campaign
 where state not in ('completed', 'failed', 'cancelled') and (position($1 in html) > 0 or position($1 in coalesce(experiment::text, '')) > 0)
union all
select 'template', name from template where position($1 in html) > 0
 order by 1, 2 limit 20`;
