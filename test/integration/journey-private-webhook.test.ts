import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { activeIn, customers, enrollAll, publish, rowsOf } from '../support/published-journey.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startWebhookSink, type WebhookSink } from '../support/webhook-sink.ts';

let organization: TestOrganization;
let worker: SendWorker;
let sink: WebhookSink;

beforeAll(async () => {
  organization = await createTestOrganization();
  [worker, sink] = await Promise.all([startSendWorker({ FERMATA_ALLOW_PRIVATE_WEBHOOKS: 'false' }), startWebhookSink()]);
}, 120_000);
afterAll(async () => {
  sink.close();
  await worker.stop('SIGTERM');
  await organization.close();
}, 60_000);

test('as installed, no webhook reaches a private network, by whatever name', async () => {
  const { port } = new URL(sink.url);
  for (const [i, url] of [sink.url, `http://localhost:${port}/`, 'http://2130706433/', 'http://[::ffff:127.0.0.1]:8080/', 'http://169.254.169.254/latest'].entries()) {
    const journey = await publish(organization, null, { kind: 'webhook', name: 'hook', config: { url, payload: '{}' } });
    await enrollAll(journey, await customers(organization, [`p${i}@x.example`]));
    await expect.poll(() => activeIn(journey), { timeout: 30_000 }).toBe(0);
    const steps = await rowsOf<{ detail: Record<string, unknown> }>(journey, 'select s.detail from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1');
    expect(steps[0]!.detail, url).toMatchObject({ webhook: 'failed', status: null, attempts: 1 });
  }
  expect(sink.requests).toEqual([]);
}, 90_000);
