import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { startWholeApp, type WholeApp } from './app.ts';
import { launchBrowser } from './browser.ts';

/** The whole product with one organization, its owner logged in at the API and in a browser. */
export interface Keeper {
  readonly app: WholeApp;
  readonly browser: Browser;
  readonly page: Page;
  /** What scripts on her pages threw. */
  readonly faults: string[];
  /** A request as the owner; a text is sent as it is. @throws Error with the answer when it is a refusal */
  api<T>(method: string, path: string, body?: unknown, type?: string): Promise<T>;
  /** Waits up to a minute until what stands at a path has a state. */
  until(path: string, state: string): Promise<void>;
  close(): Promise<void>;
}

export interface KeeperSetup {
  /** Of the organization. */
  readonly timezone?: string;
  readonly viewport?: { readonly width: number; readonly height: number };
}

const LONGEST_WAIT_MS = 30_000;

/** Starts the product over empty data and does what the wizard of a new installation does: Mara Quill owns Northwind. */
export async function startKeeper({ timezone = 'Europe/London', viewport = { width: 1280, height: 860 } }: KeeperSetup = {}): Promise<Keeper> {
  const [app, browser] = await Promise.all([startWholeApp(), launchBrowser()]);
  const faults: string[] = [];
  const cookies = new Map<string, string>();

  async function api<T>(method: string, path: string, body?: unknown, type = 'application/json'): Promise<T> {
    const reply = await fetch(`${app.baseUrl}/api/v1${path}`, {
      method, headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '), 'x-requested-by': 'fermata', ...(body === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    for (const set of reply.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      cookies.set(name, value);
    }
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path} answered ${reply.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async function until(path: string, state: string): Promise<void> {
    for (const deadline = Date.now() + 60_000; (await api<{ state: string }>('GET', path)).state !== state; ) {
      if (Date.now() > deadline) throw new Error(`${path} did not become ${state}`);
      await sleep(100);
    }
  }

  const close = async () => {
    await browser.close();
    await app.stop();
  };
  try {
    await api('POST', '/setup', { name: 'Mara Quill', email: 'mara@example.com', password: 'a long enough password', organizationName: 'Northwind', timezone });
    await until('/organization', 'active');
    const context = await browser.newContext({ viewport, reducedMotion: 'reduce', acceptDownloads: true });
    await context.addCookies([...cookies].map(([name, value]) => ({ name, value, url: app.baseUrl })));
    const page = await context.newPage();
    watch(page, faults);
    return { app, browser, page, faults, api, until, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** Notes what scripts of a page throw, and lets nothing wait longer than 30 s. */
export function watch(page: Page, faults: string[]): void {
  page.setDefaultTimeout(LONGEST_WAIT_MS);
  page.on('pageerror', (error) => faults.push(error.message));
}
