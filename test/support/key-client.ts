import { setTimeout as sleep } from 'node:timers/promises';
import { createServices } from '../../api/services.ts';
import type { TestOrganization } from './organization.ts';

export interface KeyClient {
  /** One request; a text is sent as a file. @throws when nobody answers */
  request(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Repeats a request until somebody answers with less than 500. @throws Error when the time is over */
  insist(method: string, path: string, body?: unknown, withinMs?: number): Promise<{ readonly status: number; readonly body: unknown }>;
}

/** Speaks to an API that runs as a process of its own, with a key of the organization. */
export async function createKeyClient({ orgId, container }: TestOrganization, baseUrl: string, scopes: readonly string[] = ['campaigns:write', 'campaigns:launch', 'suppression:write', 'customers:write']): Promise<KeyClient> {
  const { key } = await createServices(container).apiKeys.create(orgId, { kind: 'user', id: 'test', name: 'Test', email: null }, { name: 'Test', scopes: [...scopes] });
  const request: KeyClient['request'] = async (method, path, body) => {
    const answer = await fetch(`${baseUrl}/api/v1${path}`, {
      method, signal: AbortSignal.timeout(10_000),
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': typeof body === 'string' ? 'text/csv' : 'application/json' }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  };
  return {
    request,
    async insist(method, path, body, withinMs = 60_000) {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const answer = await request(method, path, body).catch((error: unknown) => ({ status: 599, body: error }));
        if (answer.status < 500) return answer;
        if (Date.now() > deadline) throw new Error(`${method} ${path} was answered with ${answer.status} for ${withinMs / 1_000} s`, { cause: answer.body });
        await sleep(300);
      }
    },
  };
}
