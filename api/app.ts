import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Container } from '../infra/container.ts';
import { createFormRouter } from './forms/index.ts';
import { createLimiter } from './http/limits.ts';
import { mountRoutes, problemHandlers } from './http/mount.ts';
import { createLinksOnly } from './http/own-host.ts';
import { inlineScriptHashes, serveUi } from './http/static-ui.ts';
import { routes } from './routes.ts';
import { createServices, type Services } from './services.ts';
import { createTrackRouter } from './track/index.ts';

const UI = join(import.meta.dirname, '../ui/build');

/** The whole HTTP surface: health, metrics, tracking, sign-up forms, the API, the app. It does not listen. */
export function createApp(container: Container, services: Services = createServices(container)): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple').set('trust proxy', container.config.FERMATA_TRUST_PROXY);
  // First of all: readers come by the thousand a second and need none of what follows.
  app.use('/api/track', createTrackRouter(container));
  app.use((_req, res, next) => { res.set('X-Request-Id', randomUUID()); next(); });
  const { notFound, failed } = problemHandlers(services);

  app.use(createLinksOnly(container.trackingHosts));
  app.get('/health/live', (_req, res) => void res.json({ ok: true }));
  app.get('/health/ready', (_req, res, next) => void services.health.ready().then((state) => res.status(state.ok ? 200 : 503).json(state)).catch(next));
  app.get('/metrics', (_req, res, next) => void services.health.metrics().then(({ contentType, text }) => res.set('Content-Type', contentType).send(text)).catch(next));

  app.use(headers(container.config.FERMATA_BASE_URL.startsWith('https:')));
  app.use('/api/v1', mountRoutes(routes, {
    services,
    authenticate: services.identities.authenticate,
    limiter: createLimiter(6_000, 60, (seconds) => `More than 6,000 requests in a minute. Go on in ${seconds} seconds.`),
    observe: (route, status, seconds) => services.health.observe(route.method, route.path, status, seconds),
  }));
  app.use('/f', createFormRouter(container));
  app.use('/api', notFound);
  app.use(serveUi(UI));
  app.use(notFound);
  app.use(failed);
  return app;
}

/** Scripts of our own only; frames for previews of mails, which may show pictures from anywhere and run nothing. */
function headers(https: boolean) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"], scriptSrc: [() => inlineScriptHashes(UI)], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", '*', 'data:', 'blob:'],
        fontSrc: ["'self'", 'data:'], connectSrc: ["'self'"], frameSrc: ["'self'", 'data:', 'blob:'], objectSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'self'"], frameAncestors: ["'none'"],
      },
    },
    crossOriginEmbedderPolicy: false,
    strictTransportSecurity: https,
    referrerPolicy: { policy: 'no-referrer' },
  });
}
