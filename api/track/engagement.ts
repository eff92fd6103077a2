import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Container } from '../../infra/container.ts';
import { createDestinations } from '../../infra/mail/destination.ts';
import type { TrackingIds, TrackingTarget } from '../../infra/mail/tracking-id.ts';
import { sendPage } from '../http/page.ts';
import { pages } from './pages.ts';
import type { Recorder } from './recorder.ts';
import type { Visitor } from './request.ts';

/** One transparent pixel, 43 bytes; the same for every id, known or not. */
const PIXEL = Buffer.from('R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');
const HEADERS = { 'Cache-Control': 'no-store, private', 'Cross-Origin-Resource-Policy': 'cross-origin', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex', 'X-Content-Type-Options': 'nosniff' } as const;

/**
 * Opens and clicks. Each is answered after its commit, many share one. Written on Node's own request and answer, ahead of
 * every other layer: a large campaign's readers come by the thousand a second.
 */
export function createEngagementHandler(container: Pick<Container, 'tenants' | 'logger' | 'clock'>, ids: TrackingIds, recorder: Recorder, visitorOf: (req: Request) => Visitor): RequestHandler {
  const destination = createDestinations(container);

  /** A reader is never held up by what we cannot store. */
  async function record(req: Request, type: 'opened' | 'clicked', target: TrackingTarget, found: { readonly link: number | null; readonly machine?: 'hidden_link' }): Promise<void> {
    try {
      await recorder.engagement({ ...visitorOf(req), ...found, type, target, at: container.clock.now() });
    } catch (error) {
      container.logger.error({ err: error }, 'an engagement was not stored');
    }
  }

  async function open(req: Request, res: Response, id: string): Promise<void> {
    const target = ids.read(id, 'open');
    if (target !== null) await record(req, 'opened', target, { link: null });
    res.writeHead(200, { ...HEADERS, 'Content-Type': 'image/gif', 'Content-Length': PIXEL.length }).end(req.method === 'HEAD' ? undefined : PIXEL);
  }

  async function click(req: Request, res: Response, id: string): Promise<void> {
    const hidden = ids.read(id, 'hiddenLink');
    if (hidden !== null) {
      await record(req, 'clicked', hidden, { link: null, machine: 'hidden_link' });
      res.writeHead(204, HEADERS).end();
      return;
    }
    const target = ids.read(id, 'click');
    const url = target === null ? undefined : await destination(target);
    if (target === null || url === undefined) return html(res, 404, pages.unknownLink);
    await record(req, 'clicked', target, { link: target.link });
    res.writeHead(302, { ...HEADERS, Location: url, 'Content-Length': 0 }).end();
  }

  const answers = { open, click } as const;
  return (req: Request, res: Response, next: NextFunction) => {
    const asked = req.method === 'GET' || req.method === 'HEAD' ? /^\/(open|click)\/([^/?]*)/.exec(req.url) : null;
    if (asked === null) return next();
    answers[asked[1] as keyof typeof answers](req, res, asked[2] ?? '').catch((error: unknown) => {
      container.logger.error({ err: error }, 'a click was not answered');
      html(res, 503, pages.later);
    });
  };
}

function html(res: Response, status: number, page: string): void {
  for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value);
  sendPage(res, status, page);
}
