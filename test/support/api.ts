import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Role } from '#domain/access.ts';
import { createApp } from '../../api/app.ts';
import { hashPassword } from '../../api/auth.ts';
import { recordUser } from '../../api/modules/auth/service.ts';
import { createServices, type Services } from '../../api/services.ts';
import type { Container } from '../../infra/container.ts';
import { createTestOrganization } from './organization.ts';

export interface Reply<T = any> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** One caller: a signed-in user, a key, or nobody. */
export interface Client {
  request(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  get(path: string): Promise<Reply>;
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  patch(path: string, body: unknown): Promise<Reply>;
  delete(path: string, body?: unknown): Promise<Reply>;
}

export interface TestUser extends Client {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

export interface TestApi {
  readonly baseUrl: string;
  readonly orgId: string;
  readonly container: Container;
  readonly services: Services;
  readonly anonymous: Client;
  /** A client that sends these headers with everything. */
  client(headers: Readonly<Record<string, string>>): Client;
  /** A new user with a role in an organization (that of the test unless named), logged in. */
  signIn(role: Role, orgId?: string): Promise<TestUser>;
  close(): Promise<void>;
}

const PASSWORD = 'correct horse battery staple';

/** The API on a free port over a fresh organization; Temporal is asked for only by routes that start something. */
export async function startTestApi(config: Readonly<Record<string, string>> = {}): Promise<TestApi> {
  const { orgId, container, close } = await createTestOrganization({ config });
  const services = createServices(container);
  const server = createServer(createApp(container, services));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let passwordHash: string | null = null;

  const client = (own: Readonly<Record<string, string>>): Client => {
    const request: Client['request'] = async (method, path, body, headers = {}) => {
      const answer = await fetch(`${baseUrl}${path.startsWith('/api/') || path.startsWith('/health') ? path : `/api/v1${path}`}`, {
        method, redirect: 'manual',
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), 'x-requested-by': 'fermata', ...own, ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
      });
      const text = await answer.text();
      const isJson = /json/.test(answer.headers.get('content-type') ?? '') && text !== '';
      return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
    };
    return {
      request,
      get: (path) => request('GET', path),
      post: (path, body = {}, headers) => request('POST', path, body, headers),
      patch: (path, body) => request('PATCH', path, body),
      delete: (path, body) => request('DELETE', path, body),
    };
  };

  return {
    baseUrl, orgId, container, services, client, anonymous: client({}),
    async signIn(role, org = orgId) {
      passwordHash ??= await hashPassword(PASSWORD);
      const hash = passwordHash;
      const email = `${role}-${randomUUID().slice(0, 8)}@example.com`;
      const id = await container.control.transaction(async (tx) => {
        const user = await recordUser(tx, { name: `Test ${role}`, email, passwordHash: hash });
        await tx.run(`insert into member (id, "organizationId", "userId", role, "createdAt") values ($1, $2, $3, $4, now())`, [randomUUID(), org, user, role]);
        return user;
      });
      const login = await client({}).post('/auth/login', { email, password: PASSWORD });
      const cookie = login.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ');
      return { ...client({ cookie }), id, email, password: PASSWORD };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await close();
    },
  };
}
