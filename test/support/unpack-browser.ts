import { launchBrowser } from './browser.ts';

/** Unpacks the browser before any file begins: of two that did it at once on a fresh machine one would start half a program. */
export async function setup(): Promise<void> {
  await (await launchBrowser()).close();
}
