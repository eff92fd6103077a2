import { Router } from 'express';
import { AppError } from '#domain/shared/errors.ts';
import type { Request } from 'express';
import type { Container } from '../../infra/container.ts';
import type { TrackingIds } from '../../infra/mail/tracking-id.ts';
import { createWebVersions } from '../../infra/mail/web-version.ts';
import { sendPage } from '../http/page.ts';
import { pages } from './pages.ts';
import type { Recorder } from './recorder.ts';
import type { Visitor } from './request.ts';

/**
 * What the author wrote may show anything and do nothing: no scripts, no forms, an origin of its own, so that it reaches
 * neither the app's cookies nor its pages. Links open as they would in a mail.
 */
const POLICY = "default-src 'none'; img-src * data:; media-src *; font-src *; style-src 'unsafe-inline' *; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
  + 'sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation';

/** The mail in a browser, as its reader got it. Reading it there is an open where opens are counted. */
export function createWebVersionPages(container: Pick<Container, 'tenants' | 'logger' | 'clock' | 'config'>, ids: TrackingIds, recorder: Recorder, visitorOf: (req: Request) => Visitor): Router {
  const { tenants, logger, clock, config } = container;
  const versions = createWebVersions({ ids, baseUrl: config.FERMATA_BASE_URL, clock });
  const router = Router();
  router.get('/web/:id', async (req, res) => {
    const target = ids.read(String(req.params.id), 'web');
    if (target === null) return sendPage(res, 404, pages.unknownLink);
    if (target.ordinal === 0) return sendPage(res, 200, pages.testWebVersion);
    try {
      const found = await tenants.useNo(target.orgNo, (tenant) => versions(tenant, target.mailNo, target.ordinal)).catch((error: unknown) => {
        if (!(error instanceof AppError && error.code === 'not_found')) throw error;
        return undefined;
      });
      if (found === undefined) return sendPage(res, 404, pages.unknownLink);
      if (found.countsOpens) {
        await recorder.engagement({ ...visitorOf(req), type: 'opened', target, link: null, at: clock.now() }).catch((error: unknown) => logger.error({ err: error }, 'an engagement was not stored'));
      }
      res.status(200).set({ 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': POLICY }).send(found.html);
    } catch (error) {
      logger.error({ err: error }, 'a web version was not shown');
      sendPage(res, 503, pages.later);
    }
  });
  return router;
}
