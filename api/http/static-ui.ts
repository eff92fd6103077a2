import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';

const MISSING = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Fermata</title>
<body><h1>The user interface is not built yet</h1><p>Run <code>npm run build:ui</code> in the checkout, then reload. The API works without it.</p></body></html>`;

let known = { page: '', changedAt: 0, hashes: '' };

/** Hashes of the inline scripts of the built page, for the content security policy; read again after a build. */
export function inlineScriptHashes(uiFolder: string): string {
  const page = join(uiFolder, 'index.html');
  const changedAt = statSync(page, { throwIfNoEntry: false })?.mtimeMs;
  if (changedAt === undefined) return "'self'";
  if (known.page !== page || known.changedAt !== changedAt) {
    const scripts = [...readFileSync(page, 'utf8').matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/gi)];
    known = { page, changedAt, hashes: ["'self'", ...scripts.map(([, text]) => `'sha256-${createHash('sha256').update(text ?? '').digest('base64')}'`)].join(' ') };
  }
  return known.hashes;
}

/** The built app: its hashed files for ever, its page for every address that is not the API's. */
export function serveUi(uiFolder: string): Router {
  const router = Router();
  const page = join(uiFolder, 'index.html');
  router.use('/_app/immutable', express.static(join(uiFolder, '_app/immutable'), { immutable: true, maxAge: '1y', fallthrough: true, index: false }));
  router.use(express.static(uiFolder, { index: false, maxAge: 0 }));
  router.use((req, res, next) => {
    if ((req.method !== 'GET' && req.method !== 'HEAD') || req.path.startsWith('/_app/') || req.path === '/api' || req.path.startsWith('/api/')) return next();
    res.set('Cache-Control', 'no-cache');
    if (existsSync(page)) res.sendFile(page);
    else res.status(503).type('html').send(MISSING);
  });
  return router;
}
