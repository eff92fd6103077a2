import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../infra/container.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { createLimiter, networkOf } from '../http/limits.ts';
import { createOwnIds } from '../http/own-host.ts';
import { sendPage } from '../http/page.ts';
import { FORM, type FormRecord } from '../modules/forms/views.ts';
import { checkMailPage, confirmPage, formPage, formPages, thanksPage, type Setting } from './pages.ts';
import { confirmSignUp, signUp } from './sign-up.ts';
import { isTrapped, readSubmission, readTyped } from './submission.ts';
import { widgetsOf } from './widgets.ts';

const BODY_LIMIT = '64kb';
/** Sign-ups and confirmations of one network in a minute: an office signs up together, a machine does more. */
const PER_MINUTE = 20;

/**
 * The pages of sign-up forms, mounted at `/f`: the form, what comes after it, and the link of its confirmation. No session,
 * no cookies, no scripts. No answer tells whether an address is known or suppressed.
 */
export function createFormRouter(container: Container): Router {
  const ids = createTrackingIds(container.secrets);
  const limiter = createLimiter(PER_MINUTE, 60, (seconds) => `Too many sign-ups. Try again in ${seconds} seconds.`, { pool: container.controlPool, name: 'sign-up' });
  const router = Router();

  router.use(createOwnIds(ids, container.trackingHosts));
  router.use((_req, res, next) => {
    res.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex', 'Cross-Origin-Resource-Policy': 'cross-origin' });
    next();
  });

  /** Runs a page of the form in the address. */
  const withForm = (work: (tenant: Tenant, form: FormRecord, setting: Setting, req: Request, res: Response) => Promise<void>) => async (req: Request, res: Response) => {
    const isFramed = framed(req);
    const id = ids.read(idOf(req), 'form');
    if (id === null) return sendPage(res, 404, formPages.unknown(isFramed), { isFramed });
    await container.tenants.useNo(id.orgNo, async (tenant) => {
      const form = await tenant.sql.first<FormRecord>(`${FORM} where f.no = $1`, [id.mailNo]);
      if (form === undefined) return sendPage(res, 404, formPages.unknown(isFramed), { isFramed });
      const setting = { organization: tenant.org.name, isFramed };
      if (!form.enabled) return sendPage(res, 410, formPages.closed(setting), { isFramed });
      await work(tenant, form, setting, req, res);
    });
  };

  router.get('/confirm/:id', async (req, res) => {
    const link = ids.read(idOf(req), 'signUp');
    if (link === null) return sendPage(res, 404, formPages.unknownLink);
    await container.tenants.useNo(link.orgNo, async ({ org, sql }) => {
      const row = await sql.first<SignedUp>(SIGNED_UP, [link.ordinal]);
      if (row === undefined) return sendPage(res, 404, formPages.unknownLink);
      if (row.state === 'expired') return sendPage(res, 410, formPages.expired(org.name));
      sendPage(res, 200, confirmPage(row.title, org.name), { leadsTo: row.redirectUrl });
    });
  });

  router.post('/confirm/:id', limited, async (req, res) => {
    const link = ids.read(idOf(req), 'signUp');
    if (link === null) return sendPage(res, 404, formPages.unknownLink);
    await container.tenants.useNo(link.orgNo, async (tenant) => {
      const outcome = await confirmSignUp(container, tenant, link.ordinal);
      if (outcome === 'unknown') return sendPage(res, 404, formPages.unknownLink);
      if (outcome === 'expired') return sendPage(res, 410, formPages.expired(tenant.org.name));
      const form = (await tenant.sql.first<SignedUp>(SIGNED_UP, [link.ordinal])) ?? null;
      thank(res, form, { organization: tenant.org.name, isFramed: false });
    });
  });

  router.get('/:id', withForm(async ({ sql }, form, setting, _req, res) => {
    sendPage(res, 200, formPage(form, await widgetsOf(sql, form.fields), setting), { leadsTo: form.redirectUrl, isFramed: setting.isFramed });
  }));

  router.post('/:id', limited, express.urlencoded({ extended: false, limit: BODY_LIMIT }), withForm(async (tenant, form, setting, req, res) => {
    const typed = readTyped(req.body);
    const widgets = await widgetsOf(tenant.sql, form.fields);
    const submission = readSubmission(form, widgets, typed, tenant.org.timezone);
    if ('errors' in submission) return sendPage(res, 422, formPage(form, widgets, setting, submission), { leadsTo: form.redirectUrl, isFramed: setting.isFramed });
    if (!isTrapped(typed)) await signUp(container, tenant, form, submission);
    if (!form.doubleOptIn) return thank(res, form, setting);
    sendPage(res, 200, checkMailPage(submission.email.shown, setting), { isFramed: setting.isFramed });
  }));

  router.use((error: unknown, req: Request, res: Response, _next: NextFunction) => {
    const isFramed = framed(req);
    const status = (error as { status?: unknown }).status;
    if (error instanceof AppError && error.code === 'not_found') return sendPage(res, 404, formPages.unknown(isFramed), { isFramed });
    if (error instanceof AppError && error.code === 'rate_limited') return sendPage(res, 429, formPages.tooOften(Number(res.get('Retry-After') ?? 60), isFramed), { isFramed });
    if (typeof status === 'number' && status >= 400 && status < 500) return sendPage(res, status, formPages.unreadable(isFramed), { isFramed });
    container.logger.error({ err: error }, 'a sign-up failed');
    sendPage(res, 503, formPages.later(isFramed), { isFramed });
  });

  function limited(req: Request, res: Response, next: NextFunction): void {
    limiter.take(networkOf(req.ip), res).then(() => next(), next);
  }

  return router;
}

/** Of a sign-up what its pages say; of its form, if that is still there. */
interface SignedUp {
  readonly state: string;
  readonly title: string;
  readonly thanksText: string;
  readonly redirectUrl: string | null;
}

const SIGNED_UP = /* sql */ `
select case when s.state = 'pending' and s.expires_at <= now() then 'expired' else s.state end as state, coalesce(nullif(f.title, ''), f.name, s.form_name) as title,
  coalesce(f.thanks_text, '') as "thanksText", f.redirect_url as "redirectUrl"
from sign_up s left join sign_up_form f on f.id = s.form_id where s.no = $1`;

function thank(res: Response, form: Pick<FormRecord, 'thanksText' | 'redirectUrl'> | null, setting: Setting): void {
  if (form !== null && form.redirectUrl !== null && !setting.isFramed) return res.redirect(303, form.redirectUrl);
  sendPage(res, 200, thanksPage(form, setting), { isFramed: setting.isFramed });
}

function idOf(req: Request): string {
  const id = req.params['id'];
  return typeof id === 'string' ? id : '';
}

function framed(req: Request): boolean {
  return req.query['embed'] !== undefined;
}
