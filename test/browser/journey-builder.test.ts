import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, type Keeper } from '../support/keeper.ts';

/** A journey drawn by mouse and by key, from its entry to its first version. */

interface Draft { version: number; graph: { nodes: { id: string; kind: string; name: string; config: Record<string, unknown>; x: number; y: number }[]; edges: { from: string; port: string; to: string }[] } }

describe('drawing a journey', () => {
  let keeper: Keeper;
  let page: Page;
  let id = '';

  beforeAll(async () => {
    keeper = await startKeeper({ viewport: { width: 1440, height: 900 } });
    ({ page } = keeper);
    page.setDefaultTimeout(20_000);
    await keeper.api('POST', '/lists', { name: 'Newsletter' });
    await keeper.api('POST', '/customers/batch', { customers: Array.from({ length: 12 }, (_, i) => ({ email: `reader${i}@example.com`, firstName: `Reader ${i}` })) });
    id = (await keeper.api<{ id: string }>('POST', '/journeys', { name: 'Welcome' })).id;
    await page.goto(`${keeper.app.baseUrl}/journeys/${id}/edit`);
  }, 180_000);
  afterAll(() => keeper?.close());

  const clean = async () => expect(await seriousFindings(page)).toEqual([]);
  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
  const palette = (name: string) => page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name, exact: true });
  const card = (name: string) => page.locator('.svelte-flow__node', { has: page.locator('.step-card .font-medium', { hasText: new RegExp(`^${name}$`) }) });
  const panel = () => page.getByRole('region', { name: 'Settings of the step' });
  const saved = () => page.locator('[data-testid=save-state][data-state=saved]').first().waitFor();
  const said = (words: string) => expect.poll(() => page.getByTestId('announcement').textContent()).toContain(words);
  const draft = async () => { await saved(); return keeper.api<Draft>('GET', `/journeys/${id}/draft`); };
  const names = async () => (await draft()).graph.nodes.map(({ name }) => name);
  const ways = async () => {
    const { nodes, edges } = (await draft()).graph;
    const nameOf = (step: string) => nodes.find((node) => node.id === step)!.name;
    return edges.map(({ from, port, to }) => `${nameOf(from)} ${port} ${nameOf(to)}`).sort();
  };
  /** Where something is once the picture stands still. */
  const centreOf = async (place: Locator) => {
    for (let last = '', tries = 0; tries < 50; tries++) {
      const box = (await place.boundingBox())!;
      if (JSON.stringify(box) === last) return [box.x + box.width / 2, box.y + box.height / 2] as const;
      last = JSON.stringify(box);
      await page.waitForTimeout(80);
    }
    throw new Error('it does not come to rest');
  };
  const drag = async (from: Locator, to: Locator | readonly [number, number]) => {
    await page.mouse.move(...(await centreOf(from)));
    await page.mouse.down();
    const [x, y] = 'boundingBox' in to ? await centreOf(to) : to;
    await page.mouse.move(x - 5, y - 5, { steps: 8 });
    await page.mouse.move(x, y, { steps: 3 });
    await page.mouse.up();
  };

  test('a fresh journey shows its entry and where to begin', async () => {
    await page.getByText('Begin here').waitFor();
    await card('Entry').waitFor();
    await page.getByText('Never published').waitFor();
    await clean();
    await card('Entry').click();
    await panel().getByText('Manual Enrollment').click();
    await card('Entry').getByText('Enrolled by hand or API', { exact: true }).waitFor();
    await saved();
  });

  test('a step is dragged under the entry and configured in its panel', async () => {
    const [x, y] = await centreOf(card('Entry'));
    const pane = (await page.locator('.svelte-flow__pane').boundingBox())!;
    await palette('Send Email').dragTo(page.locator('.svelte-flow__pane'), { targetPosition: { x: x - pane.x, y: y - pane.y + 150 } });
    await said('Send Email added after Entry.');
    expect(await ways()).toEqual(['Entry next Send Email']);
    // The only connection there is, and its sender, are taken without asking.
    expect(await panel().getByRole('button', { name: /SMTP Connection/ }).textContent()).toContain('Mail catcher');
    await panel().getByLabel('Name', { exact: true }).fill('Greeting');
    await panel().getByLabel('Email Subject').fill('Welcome, ');
    await page.keyboard.type('{{');
    await page.getByPlaceholder('Find a tag').fill('first');
    await page.keyboard.press('Enter');
    await expect.poll(() => panel().getByLabel('Email Subject').inputValue()).toBe('Welcome, {{first_name}}');
    await panel().getByLabel('From Name').fill('Northwind');
    await panel().getByLabel('From Email').fill('hello@northwind.example');
    await clean();
  });

  test('its mail is written in the editor of campaigns, with preview and checks', async () => {
    await button('Write the mail').click();
    await page.getByTestId('html-editor').click();
    await page.keyboard.insertText('<h1>Hello {{first_name}}</h1><p><a href="https://northwind.example/start">Start in {{journey.name}}</a></p>');
    await page.frameLocator('iframe[title="Preview"]').getByText('Start in Welcome').waitFor();
    await page.getByText('The mail has no unsubscribe link.').waitFor();
    await clean();
    await button('Insert footer').click();
    await page.getByText('No problems', { exact: true }).last().waitFor();
    await button('Done').click();
    await expect.poll(() => card('Greeting').getByTestId('step-problem').count()).toBe(0);
  });

  test('steps are added by a click and by key, after the chosen one', async () => {
    await palette('Fixed Delay').click();
    await said('Fixed Delay added after Greeting.');
    await panel().getByLabel('Wait: How many').fill('3');
    await card('Fixed Delay').getByText('3 days', { exact: true }).waitFor();
    await card('Fixed Delay').click();
    await page.keyboard.press('a');
    await page.getByPlaceholder('Find a step').waitFor();
    await clean();
    await page.keyboard.type('engagement');
    await page.keyboard.press('Enter');
    await said('Engagement Condition added after Fixed Delay.');
    await page.keyboard.press('Enter');
    await panel().getByLabel('Email', { exact: true }).selectOption('Greeting');
    await card('Engagement Condition').getByText('opened “Greeting”', { exact: true }).waitFor();
  });

  test('a line drawn into the open asks what follows; another leads back together; without a mouse the panel connects', async () => {
    await button('Show all').click();
    const yes = card('Engagement Condition').locator('.svelte-flow__handle[data-handleid=yes]');
    const [x, y] = await centreOf(yes);
    await drag(yes, [x - 130, y + 130]);
    await page.getByPlaceholder('Find a step').fill('field');
    await page.getByRole('dialog').getByRole('option', { name: /Update Contact Field/ }).click();
    await said('Update Contact Field added after Engagement Condition.');
    await card('Engagement Condition').click();
    await page.keyboard.press('c');
    await page.locator('select:focus').waitFor();
    expect(await panel().getByLabel('After Yes').evaluate((box) => (box as unknown as { matches(selector: string): boolean }).matches(':focus'))).toBe(true);
    await panel().getByLabel('After No').selectOption('+ Exit');
    await said('Exit added after Engagement Condition.');
    await button('Show all').click();
    await drag(card('Update Contact Field').locator('.svelte-flow__handle.source'), card('Exit').locator('.svelte-flow__handle.target'));
    await said('Update Contact Field now leads to Exit.');
    expect(await ways()).toEqual(['Engagement Condition no Exit', 'Engagement Condition yes Update Contact Field', 'Entry next Greeting', 'Fixed Delay next Engagement Condition', 'Greeting next Fixed Delay', 'Update Contact Field next Exit']);
  });

  test('problems are marked on the step, listed, and gone when they are mended', async () => {
    await card('Update Contact Field').getByTestId('step-problem').waitFor();
    await page.getByTestId('problems').click();
    const problems = page.getByRole('region', { name: 'Problems' });
    await clean();
    await problems.getByRole('button', { name: /Update Contact Field/ }).first().click();
    await panel().getByRole('button', { name: /^Field:/ }).click();
    await page.getByPlaceholder('Search fields').fill('score');
    await page.keyboard.press('Enter');
    await panel().getByLabel('Mode').selectOption('Add');
    await panel().getByLabel('Amount').fill('10');
    await card('Update Contact Field').getByText('score + 10', { exact: true }).waitFor();
    await expect.poll(() => card('Update Contact Field').getByTestId('step-problem').count()).toBe(0);
    await expect.poll(() => page.getByTestId('problems').textContent()).toContain('No problems');
  });

  test('Tab goes through the steps in the order of the flow, arrows move them, keys take back and bring again', async () => {
    await page.getByRole('application', { name: 'Canvas of the journey' }).focus();
    await page.keyboard.press('Escape');
    for (const name of ['Entry', 'Greeting', 'Fixed Delay', 'Engagement Condition', 'Update Contact Field', 'Exit']) {
      await page.keyboard.press('Tab');
      await page.locator('.svelte-flow__node:focus', { has: page.locator('.step-card .font-medium', { hasText: new RegExp(`^${name}$`) }) }).waitFor();
    }
    const before = (await draft()).graph.nodes.find(({ kind }) => kind === 'exit')!;
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    const exit = async () => (await draft()).graph.nodes.find(({ kind }) => kind === 'exit')!;
    await expect.poll(async () => [(await exit()).x - before.x, (await exit()).y - before.y]).toEqual([10, 50]);
    await page.keyboard.press('Control+z');
    await said('Undone.');
    await expect.poll(async () => [(await exit()).x, (await exit()).y]).toEqual([before.x, before.y]);
    await page.keyboard.press('Control+y');
    await expect.poll(async () => (await exit()).y - before.y).toBe(50);
  });

  test('steps are copied with the ways between them, and a step that goes leaves no gap', async () => {
    await card('Fixed Delay').click();
    await page.keyboard.press('Control+c');
    await said('1 step copied.');
    await page.keyboard.press('Control+v');
    await said('1 step pasted.');
    expect(await names()).toContain('Fixed Delay 2');
    await page.keyboard.press('Delete');
    await said('Fixed Delay 2 deleted.');
    await card('Fixed Delay').click();
    await page.keyboard.press('Delete');
    await said('Fixed Delay deleted.');
    expect(await ways()).toContain('Greeting next Engagement Condition');
    await button('Undo').click();
    expect(await ways()).toContain('Greeting next Fixed Delay');
    await page.keyboard.press('?');
    await page.getByText('Go from step to step').waitFor();
    await page.keyboard.press('Escape');
  });

  test('arranged, no step lies on another', async () => {
    await button('Arrange').click();
    await said('Steps arranged.');
    const { nodes } = (await draft()).graph;
    for (const a of nodes) for (const b of nodes) if (a !== b) expect(Math.abs(a.x - b.x) >= 240 || Math.abs(a.y - b.y) >= 64, `${a.name} on ${b.name}`).toBe(true);
  });

  test('a dry run says on the canvas who would go where', async () => {
    const list = (await keeper.api<{ data: { id: string }[] }>('GET', '/lists')).data[0]!;
    await keeper.api('POST', `/lists/${list.id}/members`, { emails: Array.from({ length: 5 }, (_, i) => `reader${i}@example.com`) });
    await button('Dry run').click();
    const dry = page.getByRole('region', { name: 'Dry run' });
    await dry.getByRole('button', { name: 'A list' }).click();
    await dry.getByRole('button', { name: /^List:/ }).click();
    await page.getByRole('option', { name: 'Newsletter' }).click();
    await dry.getByRole('button', { name: 'Run', exact: true }).click();
    await expect.poll(() => card('Greeting').getByTestId('step-people').textContent(), { timeout: 30_000 }).toBe('5');
    await clean();
    await card('Engagement Condition').click();
    await panel().getByRole('button', { name: 'Examples: No' }).click();
    await panel().getByRole('link', { name: /reader\d@example\.com/ }).first().waitFor();
  });

  test('somebody else saved meanwhile: one says whose draft stays', async () => {
    const theirs = await draft();
    await keeper.api('PUT', `/journeys/${id}/draft`, { version: theirs.version, graph: { ...theirs.graph, nodes: theirs.graph.nodes.map((node) => (node.kind === 'exit' ? { ...node, name: 'Welcomed' } : node)) } });
    await card('Greeting').click();
    await panel().getByLabel('Name', { exact: true }).fill('Salute');
    const dialog = page.getByRole('dialog', { name: 'Somebody else changed this journey' });
    await dialog.waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Load theirs' }).click();
    await card('Welcomed').waitFor();
    expect(await names()).not.toContain('Salute');
  });

  test('without the server it says so, keeps what is drawn, and saves it when it can', async () => {
    await page.route(`**/api/v1/journeys/${id}/draft`, (route) => route.abort());
    await card('Greeting').click();
    await panel().getByLabel('Name', { exact: true }).fill('Greeting by mail');
    await page.getByText('Reconnecting. Your changes are kept here.').waitFor();
    await page.unroute(`**/api/v1/journeys/${id}/draft`);
    await expect.poll(async () => (await keeper.api<Draft>('GET', `/journeys/${id}/draft`)).graph.nodes.map(({ name }) => name), { timeout: 15_000 }).toContain('Greeting by mail');
    await panel().getByLabel('Name', { exact: true }).fill('Greeting');
    expect(await names()).toContain('Greeting');
  });

  test('of 200 steps only those in sight are drawn, and they are moved and walked through as few are', async () => {
    const large = (await keeper.api<{ id: string }>('POST', '/journeys', { name: 'Large' })).id;
    const { version, graph } = await keeper.api<Draft>('GET', `/journeys/${large}/draft`);
    const nodes = Array.from({ length: 199 }, (_, i) => ({ id: `wait-${i}`, kind: i % 3 === 0 ? 'field-condition' : 'fixed-delay', name: `Step ${i}`, config: {}, x: (i % 5) * 300, y: 150 + Math.floor(i / 5) * 150 }));
    const edges = nodes.map(({ id: to }, i) => ({ from: i === 0 ? 'entry' : nodes[i - 1]!.id, port: i === 0 || nodes[i - 1]!.kind === 'fixed-delay' ? 'next' : 'yes', to }));
    await keeper.api('PUT', `/journeys/${large}/draft`, { version, graph: { nodes: [...graph.nodes, ...nodes], edges } });
    await page.goto(`${keeper.app.baseUrl}/journeys/${large}/edit`);
    await card('Step 1').waitFor();
    await page.getByRole('img', { name: 'Overview of the journey' }).waitFor();
    await expect.poll(() => page.locator('.svelte-flow__node').count()).toBeLessThan(60);
    const [x, y] = await centreOf(card('Step 1'));
    await drag(card('Step 1'), [x + 120, y + 40]);
    await page.mouse.move(x, y + 300);
    await page.mouse.wheel(0, 200);
    await page.getByRole('application', { name: 'Canvas of the journey' }).focus();
    for (let i = 0; i < 15; i++) await page.keyboard.press('Tab');
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Control+z');
    await expect.poll(async () => (await keeper.api<Draft>('GET', `/journeys/${large}/draft`)).graph.nodes.find((node) => node.id === 'wait-1')!.x).not.toBe(nodes[1]!.x);
    await saved();
    await page.goto(`${keeper.app.baseUrl}/journeys/${id}/edit`);
    await card('Greeting').waitFor();
  });

  test('readable in the dark and on a phone, where it is a picture with a list', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await card('Greeting').click();
    await clean();
    await page.setViewportSize({ width: 360, height: 780 });
    await page.getByRole('heading', { name: 'Steps', exact: true }).waitFor();
    expect(await page.getByRole('listitem').filter({ hasText: /Greeting|Fixed Delay|Welcomed/ }).count()).toBeGreaterThanOrEqual(3);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(await palette('Send Email').count()).toBe(0);
    await clean();
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
  });

  test('what stands against publishing blocks it; mended, it becomes version 1', async () => {
    await card('Greeting').click();
    await panel().getByLabel('Email Subject').fill('');
    await button('Publish').click();
    const dialog = page.getByRole('dialog', { name: 'Publish “Welcome”?' });
    await dialog.getByText('Before you can publish').waitFor();
    expect(await dialog.getByRole('button', { name: 'Publish' }).isDisabled()).toBe(true);
    await clean();
    await dialog.getByRole('button', { name: /Greeting/ }).click();
    await panel().getByLabel('Email Subject').fill('Welcome');
    await button('Publish').click();
    await dialog.getByLabel(/^Note/).fill('The first one');
    await clean();
    await dialog.getByRole('button', { name: 'Publish' }).click();
    await page.waitForURL(new RegExp(`/journeys/${id}$`));
    expect((await keeper.api<{ activeVersion: { no: number; note: string } }>('GET', `/journeys/${id}`)).activeVersion).toMatchObject({ no: 1, note: 'The first one' });
  });

  test('a live version cannot be drawn on: a draft is a copy of it, and can be discarded', async () => {
    await page.goto(`${keeper.app.baseUrl}/journeys/${id}/edit`);
    await button('Create Draft').click();
    await card('Greeting').waitFor();
    await page.getByText('Version 1 is live').waitFor();
    await button('More').click();
    await page.getByRole('menuitem', { name: 'Discard draft' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard draft' }).click();
    await page.waitForURL(new RegExp(`/journeys/${id}$`));
    expect(keeper.faults).toEqual([]);
  });
});
