import type { Surroundings } from '#domain/journey/nodes/node.ts';
import { renderJson, templateFields } from '#domain/journey/template.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import type { WebhookConfig } from '#domain/journey/nodes/webhook.ts';
import { readConfig } from '#domain/shared/forms.ts';
import type { Container } from '../../infra/container.ts';
import type { Standing } from '../../infra/journeys/members.ts';
import { openSecrets } from '../../infra/journeys/secrets.ts';
import { beginAttempt, endAttempt, nextAttemptAt, placeWebhooks, readWebhooks, signedHeaders, type AttemptEnd, type Webhook } from '../../infra/journeys/webhooks.ts';
import { FetchError, type Answer, type SafeFetch } from '../../infra/safe-fetch.ts';
import type { Outcome, Scene, VisitWork } from './cohort.ts';

const TIMEOUT_MS = 10_000;
/** Of an answer, kept for the person's path. */
const KEPT_BYTES = 4_096;
const SHOWN_LENGTH = 300;
/** Requests of one visit at a time. */
const AT_ONCE = 20;
/** Visits of one process at a time: slow servers must not take the slots of everything else. */
const VISITS_AT_ONCE = 16;
/** A visit begins no request after this: who is left comes again, behind the others. */
const LONGEST_VISIT_MS = 20_000;
const SOON_MS = 2_000;

/**
 * Fire Webhook: signed by Standard Webhooks, tried for a day, nobody in a slot between two attempts. At least once: a worker
 * that dies with a request under way makes it again under the same id.
 */
export function createWebhookWork({ secrets, clock }: Pick<Container, 'secrets' | 'clock'>, fetch: SafeFetch): VisitWork {
  let visits = 0;

  return {
    async act(scene, members) {
      const comeAgain = new Map<number, Outcome>(members.map((member) => [member.enrollmentId, { kind: 'rest', until: scene.now() + SOON_MS }]));
      if (visits >= VISITS_AT_ONCE) return { outcomes: comeAgain };
      visits += 1;
      try {
        return { outcomes: new Map([...comeAgain, ...(await callThem(scene, members))]) };
      } finally {
        visits -= 1;
      }
    },
  };

  async function callThem(scene: Scene, members: readonly Standing[]): Promise<Map<number, Outcome>> {
    const { tenant: { sql, org }, input, version, node } = scene;
    const [opened = node] = openSecrets(secrets, org.id, input.journeyId, { nodes: [node], edges: [] }).nodes;
    const config = readConfig(nodeKinds.webhook.form, opened.config) as unknown as WebhookConfig;
    const around: Surroundings = { journeyId: input.journeyId, journeyName: scene.journey.name, graph: version.graph, node, now: scene.now(), zone: org.timezone, rules: null };
    const webhooks = await placeWebhooks(sql, input, members, (member) => renderJson(config.payload, templateFields(member, around)), scene.now());
    const until = performance.now() + LONGEST_VISIT_MS;
    const due = webhooks.filter((webhook) => webhook.state === 'pending' && webhook.nextAt <= scene.now());
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, async () => {
      for (let webhook = due.shift(); webhook !== undefined && performance.now() < until; webhook = due.shift()) {
        if (await beginAttempt(sql, webhook)) await endAttempt(sql, webhook, endOf(webhook, await call(config, webhook), scene.now()));
      }
    }));
    const after = await readWebhooks(sql, members);
    return new Map(after.map((webhook) => [webhook.enrollmentId, outcomeOf(scene, webhook)]));
  }

  async function call({ url, headers: own, secret }: WebhookConfig, { messageId, body }: Webhook): Promise<Answer | FetchError> {
    const headers = { ...Object.fromEntries(own.map(({ key, value }) => [key, value])), 'Content-Type': 'application/json', ...signedHeaders(secret ?? null, messageId, body, clock.now()) };
    try {
      return await fetch({ url, method: 'POST', headers, body, timeoutMs: TIMEOUT_MS, maxBytes: KEPT_BYTES });
    } catch (error) {
      return error instanceof FetchError ? error : new FetchError('refused', (error as Error).message, { cause: error });
    }
  }
}

/** 2xx is success; what may be a moment's trouble (no answer, 408, 429, 5xx) is tried again; everything else is an answer. */
function endOf(webhook: Webhook, answer: Answer | FetchError, now: number): AttemptEnd {
  const isError = answer instanceof FetchError;
  const told = { status: isError ? null : answer.status, response: isError ? answer.message : answer.body };
  if (!isError && answer.status >= 200 && answer.status < 300) return { state: 'succeeded', nextAt: now, ...told };
  const mayPass = isError ? answer.kind === 'failed' : answer.status === 408 || answer.status === 429 || answer.status >= 500;
  const next = mayPass ? nextAttemptAt(webhook.firstAt, webhook.attempt + 1) : null;
  return next === null ? { state: 'failed', nextAt: now, ...told } : { state: 'pending', nextAt: Math.max(next, now + 1_000), ...told };
}

function outcomeOf({ version, node, now }: Scene, { state, status, response, attempt, messageId, nextAt }: Webhook): Outcome {
  if (state === 'pending') return { kind: 'rest', until: Math.max(nextAt, now() + 1_000) };
  const hasFailed = state === 'failed';
  // A port for failures that leads nowhere is no end of the journey.
  const port = hasFailed && version.after(node.id, 'failed') !== undefined ? 'failed' : 'next';
  return { kind: 'go', port, because: { webhook: state, status, attempts: attempt, id: messageId, ...(response === null ? {} : { response: response.slice(0, SHOWN_LENGTH) }) } };
}
