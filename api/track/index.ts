import { Router, type Request, type Response } from 'express';
import { LRUCache } from 'lru-cache';
import type { Container } from '../../infra/container.ts';
import { createTrackingIds, type TrackingTarget } from '../../infra/mail/tracking-id.ts';
import { pages } from './pages.ts';
import { createRecorder } from './recorder.ts';

/** One transparent pixel, 43 bytes; the same for every id, known or not. */
const PIXEL = Buffer.from('R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

/**
 * The endpoints in mails, mounted at `/api/track`: open, click, unsubscribe. No session, no cookies, no referrer, nothing
 * cached. Each answers after its commit; many requests share one.
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
    if (target === null || url === undefined) return void html(res, 404, pages.unknownLink);
    await recorded(req, target, 'clicked');
    res.redirect(302, url);
  });

  router.get('/unsubscribe/:id', (req, res) => {
    if (ids.read(idOf(req), 'testUnsubscribe') !== null) return void html(res, 200, pages.test);
    if (ids.read(idOf(req), 'unsubscribe') === null) return void html(res, 404, pages.unknownLink);
    html(res, 200, pages.ask);
  });

  // RFC 8058: the POST unsubscribes without cookies, redirects or a login.
  router.post('/unsubscribe/:id', async (req, res) => {
    if (ids.read(idOf(req), 'testUnsubscribe') !== null) return void html(res, 200, pages.test);
    const target = ids.read(idOf(req), 'unsubscribe');
    if (target === null) return void html(res, 404, pages.unknownLink);
    try {
      if (!(await recorder.unsubscribe(target))) return void html(res, 404, pages.unknownLink);
    } catch (error) {
      container.logger.error({ err: error }, 'an unsubscribe was not stored');
      return void html(res, 503, pages.later);
    }
    html(res, 200, pages.done);
  });

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

function html(res: Response, status: number, body: string): void {
  res.status(status).set({ 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'" }).send(body);
}
