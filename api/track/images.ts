import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Router, type Response } from 'express';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../infra/container.ts';
import { imageFiles } from '../../infra/images/files.ts';
import type { TrackingIds } from '../../infra/mail/tracking-id.ts';

/** A picture never changes under its address, so proxies and mail programs may keep it for good. */
const KEPT = 'public, max-age=31536000, immutable';

/** Pictures in mails, for everybody who knows the address. Whatever they hold, a browser takes them for nothing but pictures. */
export function createImagePages({ tenants, config, logger }: Pick<Container, 'tenants' | 'config' | 'logger'>, ids: TrackingIds): Router {
  const router = Router();
  router.get('/images/:id', async (req, res) => {
    const target = ids.read(req.params.id, 'image');
    const found = target === null ? undefined : await tenants.useNo(target.orgNo, async ({ sql, org }) => {
      const row = await sql.first<{ id: string; type: string }>('select id::text, type from image where no = $1', [target.ordinal]);
      return row === undefined ? undefined : { ...row, path: imageFiles(config, org.id).path(row.id) };
    }).catch((error: unknown) => {
      if (!(error instanceof AppError && error.code === 'not_found')) throw error;
      return undefined;
    });
    const file = found === undefined ? null : await stat(found.path).catch(() => null);
    if (found === undefined || file === null) {
      if (found !== undefined) logger.error({ imageId: found.id }, 'the file of a picture is gone');
      res.status(404).set({ 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' }).send('This picture does not exist.');
      return;
    }
    const tag = `"${found.id}"`;
    res.set({
      'Cache-Control': KEPT, ETag: tag, 'Content-Type': found.type, 'Content-Length': String(file.size), 'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "default-src 'none'; sandbox", 'Cross-Origin-Resource-Policy': 'cross-origin',
    });
    if (req.get('If-None-Match') === tag) return notModified(res);
    if (req.method === 'HEAD') return void res.end();
    await pipeline(createReadStream(found.path), res);
  });
  return router;
}

function notModified(res: Response): void {
  res.removeHeader('Content-Length');
  res.status(304).end();
}
