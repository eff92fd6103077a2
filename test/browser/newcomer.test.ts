import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWholeApp, type WholeApp } from '../support/app.ts';
import { launchBrowser, seriousFindings } from '../support/browser.ts';

const customers = ['email,first_name,city,plan_type', 'ada@example.com,Ada,London,premium', 'bob@example.com,Bob,London,free', 'carla@example.com,Carla,Lisbon,free', 'not an address,Dora,Oslo,free'].join('\n');
const password = 'a long enough password';

describe('a newcomer', () => {
  let app: WholeApp;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    app = await startWholeApp();
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce' });
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => faults.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  const open = (name: string) => page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name, exact: true }).click();
  const step = (name: string) => page.getByRole('navigation', { name: 'Steps' }).getByRole('link', { name: new RegExp(name) }).click();
  const clean = async () => expect(await seriousFindings(page)).toEqual([]);

  test('creates the owner and the organization, and is told what to do next', async () => {
    await page.goto(app.baseUrl);
    await page.getByRole('heading', { name: 'Create the owner' }).waitFor();
    await clean();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Enter your name.').waitFor();
    await page.getByLabel('Your name').fill('Mara Quill');
    await page.getByLabel('Email').fill('mara@example.com');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Organization name').fill('Northwind');
    await page.getByLabel('Timezone').selectOption('Europe/London');
    await clean();
    await page.getByRole('button', { name: 'Create organization' }).click();
    await page.getByRole('heading', { name: 'Northwind is ready' }).waitFor({ timeout: 60_000 });
    await page.getByRole('link', { name: 'Go to the dashboard' }).click();
    await page.getByRole('heading', { name: 'Send your first campaign' }).waitFor();
    await clean();
  });

  test('uploads a file into a list and finds the people', async () => {
    await open('Uploads');
    await page.getByRole('button', { name: 'Upload CSV' }).first().click();
    await page.getByLabel('List name').fill('Newsletter');
    await page.getByLabel('CSV file').setInputFiles({ name: 'customers.csv', mimeType: 'text/csv', buffer: Buffer.from(customers) });
    await page.getByRole('button', { name: 'Continue to preview' }).click();
    await page.getByRole('heading', { name: 'Check the columns' }).waitFor();
    await clean();
    await page.getByRole('button', { name: 'Start import' }).click();
    const card = page.getByRole('region', { name: 'customers.csv' });
    await card.getByText('3 created, 0 updated.').waitFor();
    await card.getByText('1 row was skipped.').waitFor();
    expect(await card.getByRole('link', { name: 'Download rejected rows' }).count()).toBe(1);
    await clean();
    await card.getByRole('link', { name: 'See the customers' }).click();
    await page.getByText('3 customers').waitFor();
    await page.getByLabel('Search address or name').fill('ada@');
    await page.getByText('1 customer', { exact: true }).waitFor();
    await clean();
    await page.getByRole('link', { name: 'ada@example.com' }).click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await clean();
  });

  test('counts the people of a city', async () => {
    await open('Segments');
    await page.getByRole('link', { name: 'New Segment' }).first().click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Londoners');
    await page.getByRole('button', { name: 'Add Condition' }).click();
    await page.getByLabel('Value').fill('London');
    await page.getByTestId('segment-count').filter({ hasText: /^2$/ }).waitFor();
    await clean();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL(/\/segments\/(?!new)/);
  });

  test('writes a campaign, tests it, launches it and watches it being sent', async () => {
    await open('Campaigns');
    await page.getByRole('button', { name: 'New Campaign' }).first().click();
    await page.getByLabel('Campaign Name').fill('Spring offer');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByLabel('Subject Line').fill('Hello {{first_name}}');
    await page.getByLabel('From Name').fill('Northwind');
    await page.getByLabel('From Email').fill('hello@example.com');
    await clean();

    await step('Content');
    await page.getByTestId('html-editor').click();
    await page.keyboard.insertText(`<h1>Hello {{first_name}}</h1><p><a href="${app.baseUrl}/favicon.svg">See the offer</a></p><p><a href="{{unsubscribe_url}}">Unsubscribe</a></p>`);
    await page.frameLocator('iframe[title="Preview"]').getByRole('link', { name: 'See the offer' }).waitFor();
    await page.getByRole('button', { name: 'Plain text' }).click();
    await page.getByLabel('Plain text').fill(`Hello {{first_name}}\n${app.baseUrl}/favicon.svg\nUnsubscribe: {{unsubscribe_url}}`);
    await clean();

    await step('Targeting');
    await page.getByRole('button', { name: 'Add Target' }).click();
    await page.getByRole('option', { name: 'Newsletter' }).click();
    await page.getByTestId('estimate-final').filter({ hasText: /^3$/ }).waitFor();
    await clean();
    await step('SMTP');
    await page.getByRole('radio', { name: /Mail catcher/ }).check();
    await page.getByRole('status').getByText('Saved', { exact: true }).waitFor();
    await clean();

    await page.getByRole('button', { name: 'Send Test Email' }).click();
    await page.getByLabel('Addresses').fill('mara@example.com');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'mara@example.com' }).getByLabel('Sent').waitFor();
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Launch' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('This sends 3 mails through Mail catcher, starting now.').waitFor();
    await clean();
    const warned = dialog.getByRole('checkbox');
    if (await warned.count()) await warned.check();
    await dialog.getByRole('button', { name: 'Launch' }).click();
    await page.locator('[data-testid=campaign-state][data-state=completed]').waitFor({ timeout: 60_000 });
    await page.getByTestId('sent').filter({ hasText: /^3$/ }).waitFor();
    await clean();
  });

  test('reads the mail, clicks the link, and sees both in the report', async () => {
    const report = page.url();
    await open('Mail catcher');
    // An open within 2 s of sending counts as a machine's (product.md 10.3); people take longer.
    await page.waitForTimeout(2_500);
    await page.getByRole('button', { name: /ada@example\.com/ }).click();
    const mail = page.frameLocator('iframe[title="Mail content"]');
    await mail.getByRole('heading', { name: 'Hello Ada' }).waitFor();
    await clean();
    const [opened] = await Promise.all([page.waitForEvent('popup'), mail.getByRole('link', { name: 'See the offer' }).click()]);
    await opened.waitForURL(/favicon\.svg/);
    await opened.close();

    await page.goto(`${report}/report`);
    const stat = (label: string) => page.locator(`[data-stat="${label}"]`);
    await stat('Total Sent').getByText('3', { exact: true }).waitFor();
    await stat('Opened').getByText('1', { exact: true }).waitFor();
    await stat('Clicked').getByText('1', { exact: true }).waitFor();
    await clean();
  });

  test('chooses a domain for the links, reads what to set, and is told what is not right yet', async () => {
    await page.goto(`${app.baseUrl}/settings?tab=domain`);
    await page.getByTestId('tracking-domain-state').getByText(/No domain of your own/).waitFor();
    await page.getByRole('textbox', { name: 'Custom Tracking Domain' }).fill('shop');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Expected a host like links.example.com, got “shop”.').first().waitFor();
    await page.getByRole('textbox', { name: 'Custom Tracking Domain' }).fill('links.fermata.invalid');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('_fermata.links.fermata.invalid').waitFor();
    await clean();
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByRole('region', { name: '3. Verify' }).getByText('Tried once the records are right.').waitFor();
    await page.getByTestId('tracking-domain-state').getByText('Not verified').waitFor();
    await clean();
    await page.getByRole('button', { name: 'Remove domain' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove domain' }).click();
    await page.getByTestId('tracking-domain-state').getByText(/No domain of your own/).waitFor();
  });

  test('can do all this on a phone, in the dark, without a fault on any page', async () => {
    await page.setViewportSize({ width: 360, height: 780 });
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const path of ['/', '/campaigns', '/customers', '/customers/lists', '/customers/uploads', '/segments', '/suppression', '/smtp', '/mail-catcher', '/settings', '/settings?tab=domain', '/profile']) {
      await page.goto(app.baseUrl + path);
      await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
      await page.waitForLoadState('networkidle');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      expect(await seriousFindings(page), path).toEqual([]);
    }
    expect(faults).toEqual([]);
  });
});
