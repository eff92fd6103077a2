import type { Locator, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, type Keeper } from '../support/keeper.ts';

const people = [
  ['ada@example.com', 'Ada', 'London', 'premium'], ['bob@example.com', 'Bob', 'London', 'free'], ['carla@example.com', 'Carla', 'New York', 'premium'],
  ['dora@example.com', 'Dora', 'Oslo', 'premium'], ['emil@example.com', 'Emil', 'London', 'premium'],
] as const;

describe('building a segment', () => {
  let keeper: Keeper;
  let app: Keeper['app'];
  let page: Page;
  let api: Keeper['api'];
  let faults: string[];
  let campaign: { id: string; version: number };

  beforeAll(async () => {
    keeper = await startKeeper();
    ({ app, page, api, faults } = keeper);
    for (const [key, label] of [['plan_type', 'Plan type'], ['shoe_size', 'Shoe size']]) await api('POST', '/fields', { key, label, type: 'text' });
    const list = await api<{ id: string }>('POST', '/lists', { name: 'Newsletter' });
    for (const [email, firstName, city, plan] of people) await api('POST', '/customers', { email, firstName, city, custom: { plan_type: plan }, listIds: city === 'Oslo' ? [] : [list.id] });
    await api('POST', '/suppressions', { email: 'emil@example.com', reason: 'unsubscribed' });

    // One mail to the list, so that there is something people were sent.
    campaign = await api('POST', '/campaigns', { name: 'Spring offer' });
    const { data: [connection] } = await api<{ data: { id: string }[] }>('GET', '/connections');
    await api('PATCH', `/campaigns/${campaign.id}`, {
      version: campaign.version, subject: 'Hello', fromName: 'Northwind', fromEmail: 'hello@example.com', html: '<p>Hello <a href="{{unsubscribe_url}}">Unsubscribe</a></p>', text: 'Hello {{unsubscribe_url}}',
      targets: [{ kind: 'list', id: list.id, mode: 'include' }], delivery: { mode: 'single', connections: [{ id: connection!.id, percent: 100 }] },
    });
    await api('POST', `/campaigns/${campaign.id}/launch`, { acknowledgeWarnings: true });
    await keeper.until(`/campaigns/${campaign.id}`, 'completed');
  }, 180_000);
  afterAll(() => keeper?.close());

  const clean = async () => expect(await seriousFindings(page)).toEqual([]);
  const matches = async (mailable: number, total: number) => {
    await page.getByTestId('segment-count').filter({ hasText: new RegExp(`^${mailable}$`) }).waitFor();
    await page.getByTestId('segment-total').filter({ hasText: new RegExp(`^${total} in total$`) }).waitFor();
  };
  const says = (words: string) => page.getByTestId('segment-sentence').getByText(words).waitFor();
  const examples = () => page.getByRole('complementary', { name: 'Customers that match' }).getByRole('link');
  /** What a searchable picker offers; the browser's own lists have options of their own. */
  const offered = (name = /./) => page.getByRole('listbox').getByRole('option', { name });
  /** Opens Add Condition in a group and picks what the condition is about. */
  const begin = async (within: Page | Locator, about: string) => {
    await within.getByRole('button', { name: 'Add Condition' }).last().click();
    await pick(about);
  };
  const pick = async (about: string, name?: RegExp) => {
    // The field of the new condition gets the focus, and typing on it searches.
    await page.waitForFunction("document.activeElement?.getAttribute('aria-haspopup') === 'dialog'");
    await page.keyboard.type(about);
    // Every letter counts, also those typed before the search field is there.
    await expect.poll(() => page.getByRole('combobox').last().inputValue()).toBe(about);
    await offered(name).first().click();
  };
  const add = () => page.getByRole('button', { name: 'Add', exact: true }).click();
  const save = () => page.getByRole('button', { name: 'Save', exact: true }).click();
  const group = (kind: string) => page.getByRole('group', { name: `Group: ${kind}` });

  test('a condition counts as one types, before it is added', async () => {
    await page.goto(`${app.baseUrl}/segments`);
    await page.getByRole('heading', { name: 'No segments yet' }).waitFor();
    await clean();
    await page.getByRole('link', { name: 'New Segment' }).first().click();
    await matches(4, 5);
    await says('Everyone.');
    await begin(page, 'plan');
    await clean();
    await page.getByLabel('Value').fill('PREMIUM');
    await matches(3, 4);
    await says('Plan type is “PREMIUM”.');
    await page.getByLabel('Value').press('Enter');
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toContain('Add Condition');
    expect(await examples().allTextContents()).toHaveLength(4);
    expect(await examples().first().getAttribute('href')).toMatch(/^\/customers\/\d+$/);
    await clean();
  });

  test('groups nest, and events ask for the campaign and its time', async () => {
    await page.getByRole('button', { name: 'Add group' }).click();
    await pick('city', /^City/);
    await page.getByLabel('Value').last().fill('New York');
    await add();
    await begin(group('Any of'), 'city');
    await page.getByLabel('Operator').last().selectOption('is_one_of');
    await page.getByLabel('Value').last().fill('london,');
    await page.getByLabel('Value').last().press('Enter');
    await add();
    await matches(2, 3);
    await says('Plan type is “PREMIUM” and (city is “New York” or city is one of “london”).');

    await page.getByRole('button', { name: 'Add Condition' }).last().click();
    await pick('sent', /^Sent/);
    await page.getByLabel('Which mail').selectOption('campaign');
    await offered(/^Spring offer/).click();
    await page.getByLabel('When').selectOption('last');
    await page.getByLabel('How many').fill('2');
    await page.getByLabel('Unit').selectOption('HOUR');
    await matches(2, 2);
    await add();
    await says('and was sent the campaign “Spring offer” in the last 2 hours.');
    await clean();
  });

  test('"has not done" offers "has done sent" beside it; Undo takes steps back', async () => {
    await begin(page, 'clicked');
    await page.getByLabel('Operator').last().selectOption('has_not_done');
    await add();
    await matches(2, 2);
    const hint = page.getByText('This includes people who were never mailed.');
    expect(await hint.count()).toBe(0);
    await page.getByRole('button', { name: 'Move Condition 3' }).press('ArrowUp');
    await says('or was sent the campaign “Spring offer” in the last 2 hours) and did not click any mail.');
    await hint.waitFor();
    await clean();
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await says('and was sent the campaign “Spring offer” in the last 2 hours and did not click any mail.');
    await hint.waitFor({ state: 'hidden' });
    await page.keyboard.press('Control+Shift+z');
    await hint.waitFor();
    await page.getByRole('button', { name: 'Add “has done sent”' }).click();
    await says('did not click any mail and was sent a mail.');
    await matches(2, 2);
    await page.getByRole('button', { name: 'Actions: Condition 4' }).click();
    await page.getByRole('menuitem', { name: 'Remove' }).click();
    await hint.waitFor();
    await page.getByRole('region', { name: /Notifications/ }).getByRole('button', { name: 'Undo' }).click();
    await says('did not click any mail and was sent a mail.');
  });

  test('what is missing is named at Save; then it is saved, and its words are the server’s', async () => {
    await save();
    await page.getByRole('alert').getByText('Name the segment.').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('Premium in two cities');
    await begin(page, 'score');
    await save();
    await page.getByRole('alert').getByText('1 condition is not complete.').waitFor();
    await page.getByText('Fill this in, or remove the condition.').waitFor();
    await clean();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.keyboard.press('Control+s');
    await page.waitForURL(/\/segments\/(?!new)/);
    const words = await page.getByTestId('segment-sentence').textContent();
    await page.goto(`${app.baseUrl}/segments`);
    await page.getByRole('cell', { name: words!.replace(/^Rule in words:\s*|\.$/g, '') }).waitFor();
    await clean();
  });

  test('explains for an address which conditions hold, with her values, and follows the rule', async () => {
    await page.getByRole('link', { name: 'Premium in two cities' }).click();
    await page.getByLabel('Address of a customer').fill('bob@example.com');
    await page.getByRole('button', { name: 'Explain' }).click();
    const box = page.getByTestId('explanation');
    await box.getByText('bob@example.com is not in this segment.').waitFor();
    const plan = box.getByRole('listitem').filter({ hasText: 'Plan type is' }).last();
    expect(await plan.getByLabel('Does not hold').count()).toBe(1);
    await plan.getByText('“free”').waitFor();
    await clean();
    await page.getByLabel('Value').first().fill('free');
    await box.getByText('bob@example.com is in this segment.').waitFor();
    await page.getByLabel('Address of a customer').fill('nobody@example.com');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByRole('alert').getByText('No customer has this address.').waitFor();
  });

  test('leaving with changes asks first', async () => {
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Campaigns', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Leave without saving?' });
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(page.url()).toContain('/segments/');
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Segments', exact: true }).click();
    await dialog.getByRole('button', { name: 'Leave without saving' }).click();
    await page.waitForURL(/\/segments$/);
  });

  test('an answer that is overtaken is never shown', async () => {
    const held = Promise.withResolvers<Route>();
    await page.route('**/api/v1/segments/count', (route) => (/Oslo/.test(route.request().postData() ?? '') ? held.resolve(route) : route.continue()));
    await page.goto(`${app.baseUrl}/segments/new`);
    await matches(4, 5);
    await begin(page, 'city');
    await page.getByLabel('Value').fill('Oslo');
    const late = await held.promise;
    await expect.poll(() => page.getByTestId('segment-audience').getAttribute('data-state')).toBe('counting');
    expect(await page.getByTestId('segment-count').count()).toBe(0);
    await page.getByLabel('Value').fill('London');
    await matches(2, 3);
    // The screen may have given it up, or gets its answer now.
    await late.continue().catch(() => undefined);
    await late.request().response();
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    await matches(2, 3);
    await page.unroute('**/api/v1/segments/count');
    await page.getByRole('button', { name: 'Cancel' }).click();
  });

  test('while the count is not available, the screen says so and asks again on Retry', async () => {
    await page.route('**/api/v1/segments/count', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Not available at the moment', status: 503, detail: 'The search index cannot be reached at the moment. Try again in a minute.', code: 'unavailable', errors: [] }) }));
    await page.goto(`${app.baseUrl}/segments/new`);
    await page.getByText('The search index cannot be reached at the moment. Try again in a minute.').waitFor();
    expect(await page.getByTestId('segment-count').count()).toBe(0);
    await clean();
    await page.unroute('**/api/v1/segments/count');
    await page.getByRole('button', { name: 'Retry' }).click();
    await matches(4, 5);
  });

  test('conditions that cannot match are marked; a misspelled field is replaced with one click', async () => {
    await begin(page, 'shoe');
    await page.getByLabel('Value').fill('42');
    await page.getByText('No customer has a value for Shoe size yet: nobody matches.').waitFor();
    await page.getByRole('heading', { name: 'Usual causes' }).waitFor();
    await clean();
    await page.getByRole('button', { name: 'Cancel' }).click();

    const { data: [segment] } = await api<{ data: { id: string }[] }>('GET', '/segments');
    await page.route(`**/api/v1/segments/${segment!.id}`, async (route) => {
      const reply = await route.fetch();
      await route.fulfill({ response: reply, json: { ...(await reply.json() as object), rule: { op: 'and', parts: [{ field: 'citty', operator: 'equals', value: 'Oslo' }] } } });
    });
    await page.goto(`${app.baseUrl}/segments/${segment!.id}`);
    await page.getByText('There is no field "citty". Did you mean city?').waitFor();
    await page.getByTestId('segment-audience').getByText('Could not be counted').waitFor();
    await clean();
    await page.getByRole('button', { name: 'Use city' }).click();
    await matches(1, 1);
    await page.unroute(`**/api/v1/segments/${segment!.id}`);
  });

  test('two people at once: the second is told and decides', async () => {
    const made = await api<{ id: string }>('POST', '/segments', { name: 'Shared', rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Oslo' }] } });
    page.once('dialog', (dialog) => void dialog.accept());
    await page.goto(`${app.baseUrl}/segments/${made.id}`);
    await matches(1, 1);
    await api('PATCH', `/segments/${made.id}`, { version: 1, name: 'Shared by two' });
    await page.getByLabel('Value').fill('London');
    await save();
    await page.getByText('Somebody else saved this segment meanwhile').waitFor();
    await clean();
    await page.getByRole('button', { name: 'Save mine over it' }).click();
    await page.getByText('Segment saved.').waitFor();
    expect(await api('GET', `/segments/${made.id}`)).toMatchObject({ name: 'Shared', version: 3, sentence: 'City is “London”' });
  });

  test('a copy opens for editing; what is in use is not deleted and says by what', async () => {
    await page.getByRole('button', { name: 'Actions', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Duplicate' }).click();
    await page.getByRole('heading', { name: 'Copy of Shared', level: 1 }).waitFor({ state: 'attached' });
    await begin(page, 'shared');
    await add();
    await says('City is “London” and is in the segment “Shared”.');
    await save();
    await page.getByText('Segment saved.').first().waitFor();

    await page.goto(`${app.baseUrl}/segments`);
    await page.getByRole('row', { name: /^Shared/ }).getByText('Copy of Shared').waitFor();
    const erase = async (name: string) => {
      await page.getByRole('button', { name: `Actions: ${name}`, exact: true }).click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    };
    await erase('Shared');
    await page.getByRole('dialog').getByText('This segment is in use and cannot be deleted. Used by: segment “Copy of Shared”.').waitFor();
    await clean();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await erase('Copy of Shared');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await erase('Shared');
    await page.getByRole('row', { name: /^Shared/ }).waitFor({ state: 'hidden' });
  });

  test('on a phone, in the dark, the builder fits and the count stays in view', async () => {
    await page.setViewportSize({ width: 360, height: 780 });
    await page.emulateMedia({ colorScheme: 'dark' });
    let rule: object = { op: 'or', parts: [{ field: 'city', operator: 'equals', value: 'London' }] };
    for (let level = 0; level < 6; level++) rule = { op: level % 2 === 0 ? 'and' : 'or', parts: [{ event: 'opened', operator: 'has_not_done', window: { last: 30, unit: 'DAY' }, campaign: campaign.id }, rule] };
    const deep = await api<{ id: string }>('POST', '/segments', { name: 'Deep', rule: { op: 'and', parts: [rule] } });
    for (const path of ['/segments', '/segments/new', `/segments/${deep.id}`]) {
      await page.goto(app.baseUrl + path);
      await page.waitForLoadState('networkidle');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      await clean();
    }
    // The panel is below; its number stays where one works, and leads to it.
    const strip = page.getByRole('link', { name: /^Customers that match/ });
    await strip.getByText(/in total/).waitFor();
    await strip.click();
    await strip.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Open group' }).first().click();
    await page.getByRole('navigation', { name: 'Where you are in the rule' }).getByRole('button', { name: 'Whole rule' }).waitFor();
    await clean();
    expect(faults).toEqual([]);
  });
});
