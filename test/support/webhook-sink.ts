import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request the sink got. */
export interface SunkRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

/** How it answers: a status, or nothing at all. */
export type SinkAnswer = { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> } | 'hang' | 'endless';

export interface WebhookSink {
  readonly url: string;
  readonly requests: SunkRequest[];
  /** Asked for each request, with how many came before it to the same path with the same id. */
  answer: (request: SunkRequest, before: number) => SinkAnswer;
  close(): void;
}

/** A receiver of webhooks on this machine. */
export async function startWebhookSink(): Promise<WebhookSink> {
  const requests: SunkRequest[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => { body += chunk.toString(); });
    req.on('end', () => {
      const request: SunkRequest = { path: req.url ?? '', headers: req.headers, body, at: Date.now() };
      const before = requests.filter((other) => other.path === request.path && other.headers['webhook-id'] === request.headers['webhook-id']).length;
      requests.push(request);
      const answer = sink.answer(request, before);
      if (answer === 'hang') return;
      if (answer !== 'endless') {
        res.writeHead(answer.status, answer.headers).end(answer.body ?? '');
        return;
      }
      const more = () => { while (!res.destroyed && res.write('x'.repeat(65_536))); };
      res.writeHead(200);
      res.on('drain', more);
      more();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const sink: WebhookSink = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, answer: () => ({ status: 200 }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return sink;
}
