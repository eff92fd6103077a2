import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../infra/container.ts';
import type { TrackingIds, TrackingTarget } from '../../infra/mail/tracking-id.ts';
import { sendPage } from '../http/page.ts';
import { pages, preferencesPage } from './pages.ts';
import { readPreferences, resubscribe, savePreferences } from './preferences.ts';
import type { Recorder } from './recorder.ts';

/** More lists than an organization shows come from no page of ours. */
const BODY_LIMIT = '64kb';

/** What a mail's reader decides by herself: unsubscribe, take that back, choose her lists. Links of test mails change nothing. */
export function createReaderPages(container: Pick<Container, 'tenants' | 'gateway' | 'logger'>, ids: TrackingIds, recorder: Recorder): Router {
  const { tenants, gateway } = container;
  const router = Router();

  /** The link of a test mail has nobody's ordinal. */
  const isTest = (id: string) => ids.read(id, 'testUnsubscribe') !== null || ids.read(id, 'preferences')?.ordinal === 0;

  router.get('/unsubscribe/:id', (req, res) => {
    if (isTest(idOf(req))) return sendPage(res, 200, pages.test);
    if (ids.read(idOf(req), 'unsubscribe') === null) return sendPage(res, 404, pages.unknownLink);
    sendPage(res, 200, pages.ask);
  });

  // RFC 8058: the POST unsubscribes without cookies, redirects or a login.
  router.post('/unsubscribe/:id', async (req, res) => {
    if (isTest(idOf(req))) return sendPage(res, 200, pages.test);
    const target = ids.read(idOf(req), 'unsubscribe');
    if (target === null || !(await recorder.unsubscribe(target))) return sendPage(res, 404, pages.unknownLink);
    sendPage(res, 200, pages.done(idOf(req)));
  });

  router.post('/resubscribe/:id', async (req, res) => {
    if (isTest(idOf(req))) return sendPage(res, 200, pages.test);
    const target = ids.read(idOf(req), 'unsubscribe');
    if (target === null) return sendPage(res, 404, pages.unknownLink);
    const outcome = await takeBack(target, 'Unsubscribe page');
    sendPage(res, outcome === undefined ? 404 : 200, outcome === undefined ? pages.unknownLink : pages[outcome]);
  });

  router.get('/preferences/:id', async (req, res) => {
    if (isTest(idOf(req))) return sendPage(res, 200, pages.testPreferences);
    const target = ids.read(idOf(req), 'preferences');
    if (target === null) return sendPage(res, 404, pages.unknownLink);
    await showPreferences(res, target, false);
  });

  router.post('/preferences/:id', express.urlencoded({ extended: false, limit: BODY_LIMIT }), async (req, res) => {
    if (isTest(idOf(req))) return sendPage(res, 200, pages.testPreferences);
    const target = ids.read(idOf(req), 'preferences');
    if (target === null) return sendPage(res, 404, pages.unknownLink);
    const asked = (req.body ?? {}) as Readonly<Record<string, unknown>>;
    if (asked['do'] === 'unsubscribe') await recorder.unsubscribe(target);
    else if (asked['do'] === 'resubscribe') await takeBack(target, 'Preferences page');
    else if (asked['do'] === 'save') {
      await tenants.useNo(target.orgNo, async (tenant) => {
        await savePreferences(tenant, target, { shown: listed(asked['shown']), chosen: listed(asked['list']) });
        gateway.nudgeOutbox(tenant.org.id);
      });
    }
    await showPreferences(res, target, ['save', 'unsubscribe', 'resubscribe'].includes(String(asked['do'])));
  });

  router.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    const { status } = error as { status?: unknown };
    if ((error instanceof AppError && error.code === 'not_found') || (typeof status === 'number' && status >= 400 && status < 500)) return sendPage(res, 404, pages.unknownLink);
    container.logger.error({ err: error }, 'what a reader decided was not stored');
    sendPage(res, 503, pages.later);
  });

  function takeBack(target: TrackingTarget, actor: string) {
    return tenants.useNo(target.orgNo, async (tenant) => {
      const outcome = await resubscribe(tenant, target, actor);
      gateway.nudgeOutbox(tenant.org.id);
      return outcome;
    });
  }

  async function showPreferences(res: Response, target: TrackingTarget, saved: boolean): Promise<void> {
    const preferences = await tenants.useNo(target.orgNo, (tenant) => readPreferences(tenant, target));
    if (preferences === undefined) return sendPage(res, 404, pages.unknownLink);
    sendPage(res, 200, preferencesPage(preferences, saved));
  }

  return router;
}

/** One value or several of one name. */
function listed(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === 'string');
}

function idOf(req: Request): string {
  const id = req.params['id'];
  return typeof id === 'string' ? id : '';
}
