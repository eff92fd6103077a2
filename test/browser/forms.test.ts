import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, watch, type Keeper } from '../support/keeper.ts';

/** A form from its first word to the people who sign up by it: the keeper in one window, a reader in another. */

describe('a sign-up form', () => {
  let keeper: Keeper;
  let app: Keeper['app'];
  let browser: Browser;
  let page: Page;
  let api: Keeper['api'];
  let faults: string[];
  let reader: Page;

  beforeAll(async () => {
    keeper = await startKeeper();
    ({ app, page, api, faults, browser } = keeper);
    await api('POST', '/fields', { key: 'shoe_size', label: 'Shoe size', type: 'number' });
    reader = await (await browser.newContext({ viewport: { width: 390, height: 780 }, reducedMotion: 'reduce' })).newPage();
    watch(reader, faults);
  }, 180_000);
  afterAll(() => keeper?.close());

  const clean = async (of = page) => expect(await seriousFindings(of)).toEqual([]);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const tab = (name: string) => page.getByRole('navigation', { name: 'Parts of the form' }).getByRole('link', { name, exact: true }).click();
  const preview = () => page.frameLocator('iframe[title="Preview"]');
  const formId = () => new URL(page.url()).pathname.split('/').at(-1)!;
  /** The link in the newest mail to an address, as soon as it is there. */
  async function confirmationOf(email: string): Promise<string> {
    for (let tries = 0; tries < 120; tries++) {
      const { data } = await api<{ data: { id: number }[] }>('GET', `/mail-catcher/messages?search=${encodeURIComponent(email)}`);
      const link = data[0] && /http\S+\/f\/confirm\/\S+/.exec((await api<{ text: string }>('GET', `/mail-catcher/messages/${data[0].id}`)).text)?.[0];
      if (link) return link;
      await sleep(250);
    }
    throw new Error(`no confirmation came to ${email}`);
  }

  test('is made with a name and its lists, which may be new', async () => {
    await page.goto(`${app.baseUrl}/customers/forms`);
    await page.getByText('No forms yet').waitFor();
    await clean();
    await page.getByRole('main').getByRole('button', { name: 'New Form' }).click();
    const dialog = page.getByRole('dialog', { name: 'New Form' });
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('Give the form a name.').first().waitFor();
    await dialog.getByText('Choose at least one list.').first().waitFor();
    await clean();
    await dialog.getByLabel('Name').fill('Newsletter on the website');
    await dialog.getByRole('button', { name: 'Add list' }).click();
    await page.getByPlaceholder('Find').fill('Newsletter');
    await page.getByRole('option', { name: 'Make the list “Newsletter”' }).waitFor();
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Remove Newsletter' }).waitFor();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/customers\/forms\/[0-9a-f-]{36}$/);
    await preview().getByRole('heading', { name: 'News from Northwind' }).waitFor();
    await preview().getByText('I would like mail from Northwind.').waitFor();
    await clean();
  });

  test('shows what is written at once, names what is wrong, and is saved by keyboard', async () => {
    await page.getByLabel('Title').fill('Letters from Northwind');
    await page.getByLabel('Introduction').fill('Once a month.\n\nSee https://northwind.example for more.');
    await preview().getByRole('heading', { name: 'Letters from Northwind' }).waitFor();
    await preview().getByRole('link', { name: 'https://northwind.example' }).waitFor();
    for (const name of ['First name', 'Shoe size']) {
      await button('Add field').click();
      await page.getByRole('option', { name }).click();
    }
    await page.getByLabel('Label of First name').fill('');
    await page.getByLabel('Lead to a page of yours').fill('northwind');
    await page.keyboard.press('Control+s');
    await page.getByRole('alert').getByText('Give the field a label.').waitFor();
    await page.getByRole('alert').getByText('Expected an address like https://example.com/thanks.').waitFor();
    expect(await page.evaluate<string>('document.activeElement.ariaLabel')).toBe('Label of First name');
    await clean();
    await page.getByLabel('Label of First name').fill('Your first name');
    await page.getByLabel('First name is required').check();
    await page.getByLabel('Lead to a page of yours').fill('');
    await button('Move Shoe size').press('ArrowUp');
    await page.getByText('Shoe size is now 1 of 2.').waitFor({ state: 'attached' });
    await preview().locator('label').nth(1).filter({ hasText: 'Shoe size' }).waitFor();
    expect((await preview().locator('label').allTextContents()).slice(0, 3)).toEqual(['Email', 'Shoe size (optional)', 'Your first name']);
    await page.getByLabel('Thanks').fill('Welcome to Northwind.');
    await button('Thanks').click();
    await preview().getByText('Welcome to Northwind.').waitFor();
    await button('Mail').click();
    await page.getByRole('region', { name: 'Preview' }).getByText('Please confirm your sign-up').waitFor();
    await clean();
    await page.getByTestId('save-state').getByText('Not saved yet').waitFor();
    await page.keyboard.press('Control+s');
    await page.getByText('Form saved.').waitFor();
    await page.getByTestId('save-state').getByText('Saved').waitFor();
    await page.reload();
    expect(await page.getByLabel('Title').inputValue()).toBe('Letters from Northwind');
  });

  test('keeps what two people change, and asks before changes are lost', async () => {
    await page.getByLabel('Button').fill('Join');
    const { version } = await api<{ version: number }>('GET', `/forms/${formId()}`);
    await api('PATCH', `/forms/${formId()}`, { version, intro: 'Twice a month.' });
    await page.keyboard.press('Control+s');
    await page.getByText('Somebody else saved this form meanwhile').waitFor();
    expect(await page.evaluate<number>('scrollY')).toBe(0);
    await clean();
    await button('Save mine on top').click();
    await page.getByText('Form saved.').first().waitFor();
    expect([await page.getByLabel('Introduction').inputValue(), await page.getByLabel('Button').inputValue()]).toEqual(['Twice a month.', 'Join']);
    await page.getByLabel('Title').fill('Half a thought');
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Forms' }).click();
    const leaving = page.getByRole('dialog', { name: 'Leave without saving?' });
    await clean();
    await leaving.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.getByLabel('Title').inputValue()).toBe('Half a thought');
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Forms' }).click();
    await leaving.getByRole('button', { name: 'Leave without saving' }).click();
    await page.getByRole('link', { name: 'Newsletter on the website' }).click();
    await page.getByRole('heading', { name: 'Newsletter on the website' }).last().waitFor();
  });

  test('takes a reader in once she has confirmed, with the words she agreed to', async () => {
    await tab('Share');
    const link = (await page.getByRole('region', { name: 'Link' }).locator('pre').textContent())!;
    await clean();
    await reader.goto(link);
    await reader.getByRole('heading', { name: 'Letters from Northwind' }).waitFor();
    await clean(reader);
    await reader.getByLabel('Email').fill('ada@example.com');
    await reader.getByRole('button', { name: 'Join' }).click();
    await reader.getByText('Please fill this in.').waitFor();
    await clean(reader);
    await reader.getByLabel('Your first name').fill('Ada');
    await reader.getByLabel('Shoe size').fill('38');
    await reader.getByLabel('I would like mail from Northwind.').check();
    await reader.getByRole('button', { name: 'Join' }).click();
    await reader.getByRole('heading', { name: 'Check your mail' }).waitFor();

    await tab('Sign-ups');
    await page.getByRole('row', { name: /ada@example\.com/ }).getByText('Not confirmed yet').waitFor();
    await clean();
    await reader.goto(await confirmationOf('ada@example.com'));
    await clean(reader);
    await reader.getByRole('button', { name: 'Confirm' }).click();
    await reader.getByText('Welcome to Northwind.').waitFor();

    await page.reload();
    await page.getByText('1 of 1 sign-up confirmed').waitFor();
    await page.getByRole('button', { name: 'ada@example.com', exact: true }).press('Enter');
    const details = page.getByRole('dialog', { name: 'ada@example.com' });
    await details.getByText('I would like mail from Northwind. I can unsubscribe at any time.').waitFor();
    await details.getByText('38', { exact: true }).waitFor();
    await clean();
    await details.getByRole('link', { name: 'Open customer' }).click();
    await page.getByText('Ada', { exact: true }).first().waitFor();
    const entry = page.getByRole('listitem').filter({ hasText: 'Signed up' });
    await entry.getByText('Newsletter on the website').waitFor();
    await entry.getByText('I would like mail from Northwind. I can unsubscribe at any time.').waitFor();
    await clean();
  });

  test('works inside another page, and says when it is closed', async () => {
    const { data: [form] } = await api<{ data: [{ embed: { frame: string }; url: string }] }>('GET', '/forms');
    const site = createServer((_req, res) => res.setHeader('content-type', 'text/html').end(`<!doctype html><title>Another site</title>${form.embed.frame}`)).listen(0, '127.0.0.1');
    onTestFinished(() => void site.close());
    await once(site, 'listening');
    await reader.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
    const frame = reader.frameLocator('iframe');
    await frame.getByLabel('Email').fill('bob@example.com');
    await frame.getByLabel('Your first name').fill('Bob');
    await frame.getByLabel('I would like mail from Northwind.').check();
    await frame.getByRole('button', { name: 'Join' }).click();
    await frame.getByRole('heading', { name: 'Check your mail' }).waitFor();

    await page.goto(`${app.baseUrl}/customers/forms`);
    await page.getByRole('row', { name: /Newsletter on the website/ }).getByText('2', { exact: true }).waitFor();
    await clean();
    await button('Actions: Newsletter on the website').click();
    await page.getByRole('menuitem', { name: 'Disable' }).click();
    await page.getByText('Form disabled. Its page says that it is closed.').waitFor();
    await page.getByRole('row', { name: /Newsletter on the website/ }).getByText('Disabled').waitFor();
    await reader.goto(form.url);
    await reader.getByRole('heading', { name: 'This form is closed' }).waitFor();
    await button('Actions: Newsletter on the website').click();
    await page.getByRole('menuitem', { name: 'Enable' }).click();
    await page.getByRole('row', { name: /Newsletter on the website/ }).getByText('Enabled').waitFor();
  });

  test('is named by the list it fills, which can be shown to customers', async () => {
    await page.goto(`${app.baseUrl}/customers/lists`);
    const row = page.getByRole('row', { name: /Newsletter/ });
    await row.getByRole('link', { name: 'Newsletter on the website' }).waitFor();
    await row.getByText('1', { exact: true }).waitFor();
    await button('Actions: Newsletter').click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog', { name: 'Edit list' });
    const { data: [list] } = await api<{ data: [{ id: string; version: number }] }>('GET', '/lists');
    await api('PATCH', `/lists/${list.id}`, { version: list.version, description: 'What we write every month.' });
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Somebody else changed this list meanwhile.').waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await row.getByText('What we write every month.').waitFor();
    await button('Actions: Newsletter').click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await dialog.getByRole('switch', { name: 'Public' }).click();
    await dialog.getByLabel('Public name').fill('Our news');
    await dialog.getByLabel('Public description').fill('Once a month.');
    await clean();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('List saved.').waitFor();
    await row.getByText('Public', { exact: true }).waitFor();
    await clean();
    await button('Actions: Newsletter').click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Used by: form “Newsletter on the website”.').waitFor();
    await page.keyboard.press('Escape');
  });

  test('can be found, read and edited on a phone, in the dark, without a fault on any page', async () => {
    const { id } = (await api<{ data: { id: string }[] }>('GET', '/forms')).data[0]!;
    await page.setViewportSize({ width: 360, height: 780 });
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const path of ['/customers/forms', '/customers/lists', ...['', '?tab=preview', '?tab=share', '?tab=sign-ups', '?tab=sign-ups&state=confirmed'].map((tail) => `/customers/forms/${id}${tail}`)]) {
      await page.goto(app.baseUrl + path);
      await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
      await page.waitForLoadState('networkidle');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      expect(await seriousFindings(page), path).toEqual([]);
    }
    await page.goto(`${app.baseUrl}/customers/forms/${id}`);
    await tab('Preview');
    await preview().getByRole('heading', { name: 'Letters from Northwind' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog', { name: 'Search' }).getByRole('combobox').fill('New Form');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'New Form' }).waitFor();
    await page.keyboard.press('Escape');
    await button('Actions: Newsletter on the website').click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete “Newsletter on the website”?' });
    await dialog.getByText('What its 2 sign-ups agreed to stays kept, and everybody stays on the lists.').waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No forms yet').waitFor();
    expect(faults).toEqual([]);
  });
});
