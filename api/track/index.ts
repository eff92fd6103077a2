import { Router } from 'express';
import type { Container } from '../../infra/container.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { proofOf } from '../../infra/tenancy/domain-check.ts';
import { createOwnIds } from '../http/own-host.ts';
import { createEngagementHandler } from './engagement.ts';
import { createImagePages } from './images.ts';
import { createReaderPages } from './reader-pages.ts';
import { createRecorder } from './recorder.ts';
import { createVisitorReader } from './request.ts';
import { createWebVersionPages } from './web-version.ts';

/**
 * The endpoints in mails, mounted at `/api/track`: open, click, pictures, and the pages where readers decide. No session, no
 * cookies, no referrer; nothing cached but pictures. `domain` shows a tracking domain's check that this installation answers for the host.
 */
export function createTrackRouter(container: Container): Router {
  const ids = createTrackingIds(container.secrets);
  const recorder = createRecorder(container);
  const router = Router();
  const visitorOf = createVisitorReader(container.config);
  router.get('/domain/:token', (req, res) => void res.set({ 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).send(proofOf(container.secrets, req.params.token, req.hostname)));
  router.use(createOwnIds(ids, container.trackingHosts));
  router.use(createEngagementHandler(container, ids, recorder, visitorOf));
  router.use(createImagePages(container, ids));
  router.use((_req, res, next) => {
    res.set({ 'Cache-Control': 'no-store', 'Cross-Origin-Resource-Policy': 'cross-origin', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex', 'X-Content-Type-Options': 'nosniff' });
    next();
  });
  router.use(createWebVersionPages(container, ids, recorder, visitorOf));
  router.use(createReaderPages(container, ids, recorder));
  return router;
}
