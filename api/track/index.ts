import { Router } from 'express';
import type { Container } from '../../infra/container.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { createEngagementHandler } from './engagement.ts';
import { createReaderPages } from './reader-pages.ts';
import { createRecorder } from './recorder.ts';

/**
 * The endpoints in mails, mounted at `/api/track`: open, click, and the pages where readers decide. No session, no cookies,
 * no referrer, nothing cached.
 */
export function createTrackRouter(container: Container): Router {
  const ids = createTrackingIds(container.secrets);
  const recorder = createRecorder(container);
  const router = Router();
  router.use(createEngagementHandler(container, ids, recorder));
  router.use((_req, res, next) => {
    res.set({ 'Cache-Control': 'no-store', 'Cross-Origin-Resource-Policy': 'cross-origin', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex', 'X-Content-Type-Options': 'nosniff' });
    next();
  });
  router.use(createReaderPages(container, ids, recorder));
  return router;
}
