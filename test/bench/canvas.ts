import type { Page } from 'playwright-core';
import { startKeeper } from '../support/keeper.ts';

/**
 * The canvas with 200 steps in Chromium (software rendering): steps are dragged, the picture is moved and zoomed, steps are
 * walked through and nudged by key, and it is all undone. `long_tasks` took the page's thread for 50 ms or longer (goal: none),
 * moves of the pointer and the wheel included. Of presses and keys, by the browser's Event Timing: `handled_p95_ms` until one was
 * dealt with, `painted_p95_ms` until the picture after it, `longest_ms` of the first kind. `slow` of `inputs` took 16 ms or longer
 * from input to picture; the others count as 0, for the browser tells nothing of them.
 */
const STEPS = 200;
interface Draft { readonly version: number; readonly graph: { readonly nodes: readonly object[]; readonly edges: readonly object[] } }
interface Entry { readonly handled: number; readonly painted: number }

const keeper = await startKeeper({ viewport: { width: 1440, height: 900 } });
const { page } = keeper;
const { id } = await keeper.api<{ id: string }>('POST', '/journeys', { name: 'Large' });
const { version, graph } = await keeper.api<Draft>('GET', `/journeys/${id}/draft`);
const nodes = Array.from({ length: STEPS - graph.nodes.length }, (_, i) => ({ id: `step-${i}`, kind: i % 3 === 0 ? 'field-condition' : 'fixed-delay', name: `Step ${i}`, config: {}, x: (i % 5) * 300, y: 150 + Math.floor(i / 5) * 150 }));
const edges = nodes.map(({ id: to }, i) => ({ from: i === 0 ? 'entry' : nodes[i - 1]!.id, port: i === 0 || nodes[i - 1]!.kind === 'fixed-delay' ? 'next' : 'yes', to }));
await keeper.api('PUT', `/journeys/${id}/draft`, { version, graph: { nodes: [...graph.nodes, ...nodes], edges } });
const openedAt = performance.now();
await page.goto(`${keeper.app.baseUrl}/journeys/${id}/edit`);
await page.getByText('Step 1', { exact: true }).first().waitFor();
const opened = Math.round(performance.now() - openedAt);
await page.waitForTimeout(1_000);
// As text: the types of the browser are not those of the benches.
await page.evaluate(`globalThis.entries = []; globalThis.inputs = 0; globalThis.longTasks = 0;
  const types = ['pointerdown', 'pointerup', 'keydown'];
  for (const type of types) addEventListener(type, () => { inputs += 1; }, { capture: true, passive: true });
  new PerformanceObserver((list) => entries.push(...list.getEntries().filter((entry) => types.includes(entry.name)).map((entry) => ({ handled: entry.processingEnd - entry.processingStart, painted: entry.duration })))).observe({ type: 'event', durationThreshold: 16 });
  new PerformanceObserver((list) => { longTasks += list.getEntries().length; }).observe({ type: 'longtask' })`);
await work(page);
await page.waitForTimeout(500);
const entries = await page.evaluate<Entry[]>('entries');
const inputs = await page.evaluate<number>('inputs');
const result = {
  steps: STEPS, drawn: await page.locator('.svelte-flow__node').count(), opened_ms: opened, long_tasks: await page.evaluate<number>('longTasks'), inputs, slow: entries.length,
  handled_p95_ms: p95(entries.map((entry) => entry.handled), inputs), painted_p95_ms: p95(entries.map((entry) => entry.painted), inputs), longest_ms: Math.round(Math.max(0, ...entries.map((entry) => entry.handled))),
};
await keeper.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

async function work(on: Page): Promise<void> {
  for (const name of ['Step 1', 'Step 2', 'Step 3']) {
    const box = await on.locator('.svelte-flow__node', { hasText: new RegExp(`${name}(?!\\d)`) }).first().boundingBox();
    if (box === null) throw new Error(`${name} is not on the screen`);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await on.mouse.move(x, y);
    await on.mouse.down();
    await on.mouse.move(x + 140, y + 60, { steps: 20 });
    await on.mouse.up();
  }
  for (let i = 0; i < 20; i += 1) await on.mouse.wheel(0, i < 10 ? 120 : -120);
  await on.getByRole('application', { name: 'Canvas of the journey' }).focus();
  for (let i = 0; i < 30; i += 1) await on.keyboard.press('Tab');
  for (let i = 0; i < 10; i += 1) await on.keyboard.press('ArrowDown');
  for (let i = 0; i < 5; i += 1) await on.keyboard.press('Control+z');
}

/** @param known what the browser told of; the rest of `all` was faster */
function p95(known: readonly number[], all: number): number {
  const sorted = [...new Array<number>(Math.max(0, all - known.length)).fill(0), ...known].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? 0);
}
