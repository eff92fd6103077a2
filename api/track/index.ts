import { Router, type Request } from 'express';
import { LRUCache } from 'lru-cache';
import type { Container } from '../../infra/container.ts';
import { createTrackingIds, type TrackingTarget } from '../../infra/mail/tracking-id.ts';
import { sendPage } from '../http/page.ts';
import { pages } from './pages.ts';
import { createReaderPages } from './reader-pages.ts';
import { createRecorder } from './recorder.ts';

/** One transparent pixel, 43 bytes; the same for every id, known or not. */
const PIXEL = Buffer.from('R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

/**
 * The endpoints in mails, mounted at `/api/track`: open, click, and the pages where readers decide. No session, no cookies,
 * no referrer, nothing cached. Each answers after its commit; many requests share one.
 */
export function createTrackRouter(container: Container): Router {
  const ids = createTrackingIds(container.secrets);
  const recorder = createRecorder(container);
  const targets = new LRUCache<string, string>({ max: 10_000 });
  const router = Router();

  router.use((_req, res, next) => {
    res.set({ 'Cache-Control': 'no-store', 'Cross-Origin-Resource-Policy': 'cross-origin', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex' });
    next();
  });

  const recorded = (req: Request, target: TrackingTarget, type: 'opened' | 'clicked') =>
    recorder.engagement({ type, target, at: container.clock.now(), isMachine: req.method === 'HEAD' }).catch((error: unknown) => {
      // A reader is never held up by what we cannot store.
      container.logger.error({ err: error }, 'an engagement was not stored');
    });

  router.get('/open/:id', async (req, res) => {
    const target = ids.read(idOf(req), 'open');
    if (target !== null) await recorded(req, target, 'opened');
    res.set('Content-Type', 'image/gif').send(PIXEL);
  });

  router.get('/click/:id', async (req, res) => {
    const target = ids.read(idOf(req), 'click');
    const url = target === null ? undefined : await destination(target);
    if (target === null || url === undefined) return sendPage(res, 404, pages.unknownLink);
    await recorded(req, target, 'clicked');
    res.redirect(302, url);
  });

  router.use(createReaderPages(container, ids, recorder));

  /** The stored destination: a click goes where the campaign's author sent it and nowhere else. */
  async function destination(target: TrackingTarget): Promise<string | undefined> {
    const key = `${target.orgNo}|${target.mailNo}|${target.link}`;
    const known = targets.get(key);
    if (known !== undefined) return known;
    const found = await container.tenants
      .useNo(target.orgNo, ({ sql }) => sql.first<{ url: string }>('select url from link where mail_no = $1 and no = $2', [target.mailNo, target.link]))
      .catch(() => undefined);
    if (found !== undefined) targets.set(key, found.url);
    return found?.url;
  }

  return router;
}

function idOf(req: Request): string {
  const id = req.params['id'];
  return typeof id === 'string' ? id : '';
}
