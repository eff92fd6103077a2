import type { Request, Response } from 'express';

/** Proxies close silent connections after 30 to 60 s; a comment in between keeps them open. */
const HEARTBEAT_MS = 15_000;

/**
 * Server-sent events: asks `poll` now and every `intervalMs`, sends what it returns when it changed,
 * and resolves when the reader leaves, the server drains, or `poll` says it was the last (`done`).
 * A failing poll before the first event is thrown (a problem document); later ones end the stream, and the browser reconnects.
 */
export async function liveStream<T>(req: Request, res: Response, poll: () => Promise<{ readonly data: T; readonly done?: boolean }>, intervalMs: number): Promise<void> {
  let closed = false;
  let wake: (() => void) | null = null;
  res.once('close', () => { closed = true; wake?.(); });
  let sent: string | null = null;
  let spokeAt = Date.now();
  while (!closed) {
    let state: { readonly data: T; readonly done?: boolean };
    try {
      state = await poll();
    } catch (error) {
      if (sent === null) throw error;
      break;
    }
    if (closed) return;
    if (sent === null) {
      res.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
      req.socket.setNoDelay(true);
    }
    const text = JSON.stringify(state.data);
    if (text !== sent) {
      res.write(`data: ${text}\n\n`);
      sent = text;
      spokeAt = Date.now();
    } else if (Date.now() - spokeAt >= HEARTBEAT_MS) {
      res.write(': still here\n\n');
      spokeAt = Date.now();
    }
    if (state.done === true) break;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, intervalMs);
      wake = () => { clearTimeout(timer); resolve(); };
    });
  }
  if (!closed) res.end();
}
