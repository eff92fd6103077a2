import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Container } from '../../infra/container.ts';
import { readAgent } from '../../infra/engagement/agent.ts';
import { openPlaces } from '../../infra/engagement/place.ts';
import { createDestinations } from '../../infra/mail/destination.ts';
import type { TrackingIds, TrackingTarget } from '../../infra/mail/tracking-id.ts';
import { sendPage } from '../http/page.ts';
import { pages } from './pages.ts';
import type { Recorder } from './recorder.ts';

/** One transparent pixel, 43 bytes; the same for every id, known or not. */
const PIXEL = Buffer.from('R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');
const HEADERS = { 'Cache-Control': 'no-store, private', 'Cross-Origin-Resource-Policy': 'cross-origin', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex', 'X-Content-Type-Options': 'nosniff' } as const;

/**
 * Opens and clicks. Each is answered after its commit, many share one. Written on Node's own request and answer, ahead of
 * every other layer: a large campaign's readers come by the thousand a second.
 */
export function createEngagementHandler(container: Pick<Container, 'tenants' | 'logger' | 'clock' | 'config'>, ids: TrackingIds, recorder: Recorder): RequestHandler {
  const places = openPlaces(container.config.FERMATA_GEO_CITY_DB);
  const destination = createDestinations(container);

  async function record(req: Request, type: 'opened' | 'clicked', target: TrackingTarget, link: number | null, found: string | null): Promise<void> {
    const agent = readAgent({ userAgent: req.headers['user-agent'] ?? '', referer: req.headers.referer ?? '' });
    const machine = found ?? (req.method === 'HEAD' ? 'head' : isPrefetch(req) ? 'prefetch' : agent.machine);
    // A proxy stands elsewhere than its reader.
    const { country, city } = agent.isProxy ? { country: '', city: '' } : places.find(req.ip);
    try {
      await recorder.engagement({ type, target, link, at: container.clock.now(), machine, country, city, client: agent.client, device: agent.device });
    } catch (error) {
      // A reader is never held up by what we cannot store.
      container.logger.error({ err: error }, 'an engagement was not stored');
    }
  }

  async function open(req: Request, res: Response, id: string): Promise<void> {
    const target = ids.read(id, 'open');
    if (target !== null) await record(req, 'opened', target, null, null);
    res.writeHead(200, { ...HEADERS, 'Content-Type': 'image/gif', 'Content-Length': PIXEL.length }).end(req.method === 'HEAD' ? undefined : PIXEL);
  }

  async function click(req: Request, res: Response, id: string): Promise<void> {
    const hidden = ids.read(id, 'hiddenLink');
    if (hidden !== null) {
      await record(req, 'clicked', hidden, null, 'hidden_link');
      res.writeHead(204, HEADERS).end();
      return;
    }
    const target = ids.read(id, 'click');
    const url = target === null ? undefined : await destination(target);
    if (target === null || url === undefined) {
      for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value);
      return sendPage(res, 404, pages.unknownLink);
    }
    await record(req, 'clicked', target, target.link, null);
    res.writeHead(302, { ...HEADERS, Location: url, 'Content-Length': 0 }).end();
  }

  return (req: Request, res: Response, next: NextFunction) => {
    const asked = req.method === 'GET' || req.method === 'HEAD' ? /^\/(open|click)\/([^/?]*)/.exec(req.url) : null;
    if (asked === null) return next();
    (asked[1] === 'open' ? open : click)(req, res, asked[2] ?? '').catch(next);
  };
}

/** A browser or mail program that says it fetches ahead of its user. */
function isPrefetch({ headers }: Request): boolean {
  return ['purpose', 'sec-purpose', 'x-purpose', 'x-moz'].some((name) => /prefetch|preview|prerender/i.test(String(headers[name] ?? '')));
}
