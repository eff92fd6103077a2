import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, watch, type Keeper } from '../support/keeper.ts';

/** A journey from the ready one it starts as to the archive: published, entered, watched, paused, moved to a new version. */

const READERS = 12;
const html = '<p>Hello {{ first_name | default: "friend" }}, <a href="https://shop.example/beans">beans</a></p><p><a href="{{unsubscribe_url}}">Unsubscribe</a></p>';

interface Step { id: string; kind: string; name: string; config: Record<string, unknown>; x: number; y: number }
interface Graph { nodes: Step[]; edges: { from: string; port: string; to: string }[] }
interface Draft { version: number; graph: Graph }

describe('a journey', () => {
  let keeper: Keeper;
  let page: Page;
  let api: Keeper['api'];
  let base: string;
  let connectionId: string;
  let id = '';
  /** The step after the first mail, on which people rest. */
  let wait: Step;

  const clean = async (of = page) => expect(await seriousFindings(of)).toEqual([]);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const visit = async (path: string, on = page) => {
    await on.goto(base + path);
    await on.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
  };
  const state = (name: string) => page.locator(`[data-testid=journey-state][data-state=${name}]`).waitFor();
  const total = (key: string, value: number) => page.locator(`[data-total=${key}][data-value="${value}"]`).waitFor();
  const figure = (step: string, key: string, value: number) => page.locator(`[data-step="${step}"] [data-figure=${key}][data-value="${value}"]`).waitFor();
  const dialog = () => page.getByRole('dialog');
  const draft = () => api<Draft>('GET', `/journeys/${id}/draft`);

  beforeAll(async () => {
    keeper = await startKeeper({ viewport: { width: 1360, height: 900 } });
    ({ page, api } = keeper);
    base = keeper.app.baseUrl;
    const { id: listId } = await api<{ id: string }>('POST', '/lists', { name: 'Newsletter' });
    await api('POST', '/customers/batch', { customers: Array.from({ length: READERS }, (_, i) => ({ email: `reader${i + 1}@example.com`, firstName: `Reader ${i + 1}`, listIds: [listId] })) });
    await api('POST', '/suppressions', { email: `reader${READERS}@example.com`, reason: 'manual' });
    connectionId = (await api<{ data: { id: string }[] }>('GET', '/connections')).data[0]!.id;
  }, 240_000);
  afterAll(() => keeper?.close());

  /** What a ready journey leaves to its author. The long wait lets people be seen on it. */
  async function fillIn() {
    const { version, graph } = await draft();
    const send = (step: Step) => ({ ...step, config: { ...step.config, subject: `${step.name} for {{first_name}}`, fromName: 'Northwind', fromEmail: 'hello@example.com', html, connection: connectionId } });
    const entry = (step: Step) => ({ ...step, config: { ...step.config, trigger: { kind: 'manual' }, reentry: 'once', goal: { kind: 'event', event: 'clicked' }, exits: { goal: true } } });
    const nodes = graph.nodes.map((step) => (step.kind === 'send' ? send(step) : step.kind === 'entry' ? entry(step) : step));
    const saved = await api<{ problems: { severity: string; message: string }[] }>('PUT', `/journeys/${id}/draft`, { version, graph: { ...graph, nodes } });
    expect(saved.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    wait = nodes.find(({ kind }) => kind === 'fixed-delay')!;
  }

  test('starts as a copy of a ready one, each with a picture of its flow', async () => {
    await visit('/journeys');
    await page.getByText('No journeys yet').waitFor();
    await clean();
    await page.getByRole('main').getByRole('button', { name: 'New Journey' }).click();
    await dialog().getByLabel('Journey Name').waitFor();
    expect(await dialog().getByRole('radio').count()).toBe(7);
    expect(await dialog().getByRole('img').count()).toBe(6);
    await dialog().getByText('Welcome series', { exact: true }).click();
    expect(await dialog().getByLabel('Journey Name').inputValue()).toBe('Welcome series');
    await clean();
    await dialog().getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/journeys\/[^/]+\/edit/);
    id = /journeys\/([^/]+)\/edit/.exec(page.url())![1]!;
  });

  test('is a draft that says what is missing before it can be published', async () => {
    await visit(`/journeys/${id}`);
    await state('draft');
    await page.getByText('A draft enrolls nobody').waitFor();
    await button('Publish').click();
    await dialog().getByTestId('publish-problems').waitFor();
    await clean();
    await dialog().getByRole('link', { name: 'Open in the builder' }).waitFor();
    await page.keyboard.press('Escape');
  });

  test('is published with a note and shows its steps', async () => {
    await fillIn();
    await visit(`/journeys/${id}`);
    await button('Publish').click();
    await dialog().getByLabel('What changed').fill('First version');
    await dialog().getByRole('button', { name: 'Publish' }).click();
    await state('published');
    await page.getByTestId('live-version').filter({ hasText: 'Version 1' }).waitFor();
    await total('enrolled', 0);
    await page.locator(`[data-step="${wait.id}"]`).waitFor();
    await clean();
  });

  test('takes in a list by hand and says what became of everybody; the numbers move without a reload', async () => {
    await button('Enroll Contacts').click();
    await dialog().getByRole('button', { name: 'List' }).click();
    await page.getByRole('option', { name: 'Newsletter' }).click();
    await clean();
    await dialog().getByRole('button', { name: 'Enroll', exact: true }).click();
    await dialog().locator('[data-testid=enroll-job][data-state=completed]').waitFor();
    await dialog().locator('[data-outcome=enrolled]').filter({ hasText: String(READERS - 1) }).waitFor();
    await dialog().locator('[data-outcome=suppressed]').filter({ hasText: '1' }).waitFor();
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await total('enrolled', READERS - 1);
    await figure(wait.id, 'waiting', READERS - 1);
    await page.getByTestId('liveness').getByText('Live').waitFor();
    await clean();
  });

  test('takes in typed addresses; unknown, invalid and returning ones are told', async () => {
    await button('Enroll Contacts').click();
    await dialog().getByText('Addresses', { exact: true }).click();
    await dialog().getByRole('textbox', { name: 'Addresses' }).fill('reader1@example.com, newcomer@example.com\nnonsense');
    await dialog().getByText('3 addresses').waitFor();
    await dialog().getByRole('button', { name: 'Enroll', exact: true }).click();
    await dialog().locator('[data-testid=enroll-job][data-state=completed]').waitFor();
    for (const outcome of ['barred', 'unknown', 'invalid']) await dialog().locator(`[data-outcome=${outcome}]`).filter({ hasText: '1' }).waitFor();
    await dialog().getByRole('button', { name: 'Enroll more' }).click();
    await dialog().getByRole('textbox', { name: 'Addresses' }).fill('newcomer@example.com');
    await dialog().getByRole('switch', { name: 'Create unknown addresses' }).click();
    await dialog().getByRole('button', { name: 'Enroll', exact: true }).click();
    await dialog().locator('[data-outcome=enrolled]').filter({ hasText: '1' }).waitFor();
    await page.keyboard.press('Escape');
    await total('enrolled', READERS);
    await page.getByRole('button', { name: 'Look into it' }).click();
    await page.getByTestId('refusals').getByText('Was in this journey before').waitFor();
    await clean();
  });

  test('shows the people of a step, and of one person the whole path', async () => {
    await page.locator(`[data-step="${wait.id}"]`).click();
    await page.waitForURL((url) => url.searchParams.get('step') === wait.id);
    const here = page.getByTestId('people-here');
    await here.getByRole('link').first().waitFor();
    await page.getByRole('searchbox', { name: 'Search address' }).fill('reader7@');
    await expect.poll(() => here.getByRole('link').count()).toBe(1);
    await clean();
    await here.getByRole('link', { name: /reader7@example.com/ }).click();
    await page.locator('[data-testid=enrollment-state][data-state=active]').waitFor();
    const path = page.getByTestId('path');
    await path.locator('[data-testid=visit-mail][data-state=sent]').getByText('over Mail catcher').waitFor();
    await path.getByTestId('now').getByText(/^Goes on \d+ \w+ \d{4}/).waitFor();
    expect(await page.getByRole('link', { name: 'Open in Temporal' }).getAttribute('href')).toContain('/workflows/');
    await clean();
  });

  test('lets a person be moved to another step, and be removed', async () => {
    await button('Move to step').click();
    const { graph } = await api<{ graph: Graph }>('GET', `/journeys/${id}/graph`);
    const last = graph.nodes.findLast(({ kind }) => kind === 'send')!;
    await dialog().getByLabel('Step').selectOption(last.id);
    await clean();
    await dialog().getByRole('button', { name: 'Move', exact: true }).click();
    await page.getByTestId('path').getByText('Moved', { exact: false }).first().waitFor();

    await visit(`/journeys/${id}/people`);
    await page.getByText(`${READERS} people`).waitFor();
    await page.getByLabel('Search address').fill('reader3@');
    await page.getByRole('link', { name: 'reader3@example.com' }).click();
    await button('Remove from journey').click();
    await dialog().getByText(/The run of reader3@example.com ends now/).waitFor();
    await clean();
    await dialog().getByRole('button', { name: 'Remove from journey' }).click();
    await page.locator('[data-testid=enrollment-state][data-state=exited]').waitFor();
    await page.getByText('Exited early: Removed by a person').waitFor();

    await visit(`/journeys/${id}/people?state=exited&reason=removed`);
    await page.getByText('1 person').waitFor();
    await clean();
  });

  test('a click of hers is the goal: it counts, and ends the run', async () => {
    await sleep(2_500);
    const { data: mails } = await api<{ data: { id: number; to: string[] | string }[] }>('GET', '/mail-catcher/messages?limit=50');
    const hers = mails.find(({ to }) => String(to).includes('reader2@'))!;
    const { html: mail } = await api<{ html: string }>('GET', `/mail-catcher/messages/${hers.id}`);
    await visit(`/journeys/${id}`);
    await page.locator('[data-total=goals]').waitFor();
    await fetch(/href="([^"]+\/track\/click\/[^"]+)"/.exec(mail)![1]!, { redirect: 'manual', headers: { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; rv:115.0) Gecko/20100101 Thunderbird/115.0' } });
    await page.locator('[data-total=goals]').filter({ hasText: `1 of ${READERS}` }).waitFor();
    await page.getByTestId('exits').getByText('Goal reached').waitFor();
    await page.getByRole('button', { name: /^Show as table: Funnel/ }).click();
    await page.getByRole('region', { name: /^Funnel/ }).getByRole('cell', { name: wait.name }).waitFor();
    await clean();
  });

  test('is paused and resumed; both say what it means', async () => {
    await button('Pause').click();
    await dialog().getByText(/people are inside\. Nobody moves or enters/).waitFor();
    await dialog().getByText('missed entries are not made up').waitFor();
    await clean();
    await dialog().getByRole('button', { name: 'Pause' }).click();
    await state('paused');
    await page.locator('[data-testid=standing][data-state=paused]').waitFor();
    await clean();
    await page.getByTestId('standing').getByRole('button', { name: 'Resume' }).click();
    await dialog().getByRole('button', { name: 'Resume' }).click();
    await state('published');
  });

  test('gets a second version; people are moved to it, and back', async () => {
    await api('POST', `/journeys/${id}/draft`);
    const { version, graph } = await draft();
    await api('PUT', `/journeys/${id}/draft`, { version, graph: { ...graph, nodes: graph.nodes.map((step) => (step.id === wait.id ? { ...step, name: 'A longer wait' } : step)) } });
    await visit(`/journeys/${id}`);
    await button('Publish').click();
    await dialog().getByText('They stay on their version').waitFor();
    await dialog().getByText('Move where the step still exists').waitFor();
    await clean();
    await dialog().getByLabel('What changed').fill('A longer wait');
    await dialog().getByRole('button', { name: 'Publish' }).click();
    await page.getByTestId('live-version').filter({ hasText: 'Version 2' }).waitFor();

    await page.getByRole('navigation', { name: 'Journey', exact: true }).getByRole('link', { name: 'Versions' }).click();
    await page.locator('[data-version="2"]').getByText('Live').waitFor();
    await page.locator('[data-version="1"]').getByText('First version').waitFor();
    await clean();
    await button('Actions: Version 1').click();
    await page.getByRole('menuitem', { name: 'Move people' }).click();
    await dialog().getByRole('cell', { name: /wait/i }).first().waitFor();
    await clean();
    await dialog().getByRole('button', { name: /^Move \d+ people/ }).click();
    await page.getByTestId('migration').getByText(/moved from version 1 to version 2 by Mara Quill/).waitFor();
    await page.getByTestId('migration').getByRole('button', { name: 'Undo' }).click();
    await dialog().getByRole('button', { name: 'Undo' }).click();
    await page.locator('[data-version="1"]').getByRole('link', { name: /^\d+$/ }).waitFor();

    await visit(`/journeys/${id}?version=1`);
    await page.getByRole('combobox', { name: 'Numbers of' }).selectOption('2');
    await page.locator(`[data-step="${wait.id}"]`).getByText('A longer wait').waitFor();
    await total('enrolled', 0);
  });

  test('can be meant by a segment: its mail, or that of one step', async () => {
    await visit('/segments/new');
    await page.getByRole('button', { name: 'Add Condition' }).last().click();
    await page.waitForFunction("document.activeElement?.getAttribute('aria-haspopup') === 'dialog'");
    await page.keyboard.type('sent');
    await page.getByRole('option', { name: /^Sent/ }).first().click();
    await page.getByLabel('Which mail').selectOption('journey');
    await page.getByRole('option', { name: 'Welcome series' }).click();
    await page.getByTestId('segment-total').filter({ hasText: `${READERS} in total` }).waitFor();
    // Only the one who was moved there has got the last mail.
    await page.getByLabel('Step', { exact: true }).selectOption({ label: 'One question' });
    await page.getByTestId('segment-total').filter({ hasText: '1 in total' }).waitFor();
    await clean();
  });

  test('goes from step to step by the arrow keys and shows one by Enter', async () => {
    await visit(`/journeys/${id}`);
    const { graph } = await api<{ graph: Graph }>('GET', `/journeys/${id}/graph`);
    const entry = graph.nodes.find(({ kind }) => kind === 'entry')!;
    const first = graph.edges.find(({ from }) => from === entry.id)!.to;
    await page.locator(`[data-step="${entry.id}"]`).focus();
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => page.evaluate("document.activeElement?.getAttribute('data-step')")).toBe(first);
    await page.keyboard.press('Enter');
    await page.getByTestId('step-numbers').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.evaluate("document.activeElement?.getAttribute('data-step')")).toBe(first);
  });

  test('says that it reconnects when the stream breaks', async () => {
    await page.route('**/live', (route) => route.abort());
    await visit(`/journeys/${id}`);
    await page.getByText('Reconnecting… numbers may be behind').waitFor();
    await page.unroute('**/live');
    await page.getByTestId('liveness').getByText('Live').waitFor();
  });

  test.each([['light', 1360], ['dark', 1360], ['light', 360], ['dark', 360]] as const)('is whole and clean in %s at %d px', async (colorScheme, width) => {
    const context = await keeper.browser.newContext({ viewport: { width, height: 800 }, colorScheme, reducedMotion: 'reduce', storageState: await page.context().storageState() });
    const other = await context.newPage();
    watch(other, keeper.faults);
    const run = (await api<{ data: { id: number }[] }>('GET', `/journeys/${id}/enrollments`)).data[0]!.id;
    for (const path of ['/journeys', `/journeys/${id}`, `/journeys/${id}?step=${wait.id}`, `/journeys/${id}/people`, `/journeys/${id}/versions`, `/journeys/${id}/enrollments/${run}`]) {
      await visit(path, other);
      await other.waitForLoadState('networkidle').catch(() => undefined);
      if (path === `/journeys/${id}`) await (width < 800 ? other.getByRole('list', { name: 'Steps' }) : other.locator('[data-step]').first()).waitFor();
      expect(await other.evaluate('document.documentElement.scrollWidth - innerWidth'), path).toBeLessThanOrEqual(0);
      await clean(other);
    }
    await context.close();
  });

  test('is archived, which ends the runs and says how many; then it is off the list', async () => {
    await visit(`/journeys/${id}`);
    await button('Archive').click();
    await dialog().getByText(/This ends the runs of \d+ people who are inside now/).waitFor();
    await clean();
    await dialog().getByRole('button', { name: 'Archive' }).click();
    await state('archived');
    await total('active', 0);
    await visit('/journeys');
    await button('Archived').first().click();
    await page.getByRole('link', { name: 'Welcome series' }).first().waitFor();
    expect(keeper.faults).toEqual([]);
  });
});
