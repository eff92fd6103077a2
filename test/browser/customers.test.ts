import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, type Keeper } from '../support/keeper.ts';

/** What one does with customers every day: add, edit, list, filter, act on many, export, erase. */

describe('the keeper of the customers', () => {
  let keeper: Keeper;
  let app: Keeper['app'];
  let page: Page;
  let api: Keeper['api'];
  let faults: string[];
  let until: Keeper['until'];

  beforeAll(async () => {
    keeper = await startKeeper();
    ({ app, page, api, faults, until } = keeper);
    const rows = Array.from({ length: 120 }, (_, i) => `person${i}@example.com,Person,Number${i},${i % 3 === 0 ? 'London' : 'Oslo'},${i % 2 === 0 ? 'premium' : 'free'},${i === 7 ? 'many' : i}`);
    const { id } = await api<{ id: string }>('POST', '/imports?fileName=people.csv&listName=Newsletter&start=true', ['email,first_name,last_name,city,plan_type,orders', ...rows].join('\n'), 'text/csv');
    await until(`/imports/${id}`, 'completed');
    await api('POST', '/lists', { name: 'VIP' });
  }, 180_000);
  afterAll(() => keeper?.close());

  const clean = async () => expect(await seriousFindings(page)).toEqual([]);
  const row = (email: string) => page.getByRole('row').filter({ hasText: email });
  const choose = async (name: string) => {
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('option', { name, exact: true }).click();
  };

  test('adds a customer with custom fields of their types', async () => {
    await page.goto(`${app.baseUrl}/customers`);
    await page.getByRole('button', { name: 'Add Customer' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add Customer' });
    await dialog.getByLabel('Email').fill('not an address');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await dialog.getByText('Not an email address').first().waitFor();
    await clean();
    await dialog.getByLabel('Email').fill('ada@example.com');
    await dialog.getByLabel('First name').fill('Ada');
    await dialog.getByLabel('plan_type').fill('team');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('ada@example.com added.').waitFor();
    // What the library adds behind a toast's own style must not spoil it.
    expect(await page.evaluate<boolean>(`(() => {
      const line = document.body.appendChild(Object.assign(document.createElement('i'), { style: 'color: var(--line)' }));
      const { borderTopColor, fontFamily } = getComputedStyle(document.querySelector('[data-sonner-toast]'));
      return borderTopColor === getComputedStyle(line).color && fontFamily.includes('Inter');
    })()`)).toBe(true);
    await row('ada@example.com').waitFor();
  });

  test('edits a custom field and sees it on the timeline', async () => {
    await page.getByRole('link', { name: 'ada@example.com' }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Edit customer' });
    await dialog.getByLabel('plan_type').fill('premium');
    await dialog.getByLabel('orders').fill('12');
    await dialog.getByLabel('Score').fill('a lot');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByLabel('Score').and(dialog.locator('[aria-invalid=true]')).waitFor();
    await clean();
    await dialog.getByLabel('Score').fill('7');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Customer saved.').waitFor();
    await page.getByText('Fields changed').waitFor();
    await page.getByRole('listitem').filter({ hasText: /^plan_type: from team → to premium$/ }).waitFor();
    await page.getByRole('button', { name: 'Lists', exact: true }).click();
    await page.getByText('Nothing of this kind has happened.').waitFor();
    await page.getByRole('button', { name: 'Add to list' }).click();
    await page.getByRole('option', { name: /VIP/ }).click();
    await page.getByText('Added to a list').waitFor();
    await page.getByRole('button', { name: 'Remove from VIP' }).click();
    await page.getByText('Removed from a list').waitFor();
    await clean();
  });

  test('reads why a campaign reaches her or not, the answer follows what changes', async () => {
    const { data } = await api<{ data: { id: string; name: string }[] }>('GET', '/lists?search=VIP');
    const campaign = await api<{ id: string; version: number }>('POST', '/campaigns', { name: 'Spring' });
    await api('PATCH', `/campaigns/${campaign.id}`, { version: campaign.version, targets: [{ kind: 'list', id: data[0]!.id, mode: 'include' }] });
    const why = page.getByRole('region', { name: 'Why' });
    await why.getByRole('button', { name: 'Campaign' }).click();
    await page.getByRole('option', { name: 'Spring' }).click();
    await why.getByText('She is in none of what is included: the list “VIP”.').waitFor();
    await clean();
    await page.getByRole('button', { name: 'Add to list' }).click();
    await page.getByRole('option', { name: /VIP/ }).click();
    await why.getByText('She would get it: included by the list “VIP”.').waitFor();
    expect(await why.getByRole('link', { name: 'Open the campaign' }).getAttribute('href')).toBe(`/campaigns/${campaign.id}`);
    await page.getByRole('button', { name: 'Remove from VIP' }).click();
    await why.getByText('She is in none of what is included').waitFor();
  });

  test('is told when somebody else saved meanwhile, and keeps what she typed', async () => {
    const id = Number(new URL(page.url()).pathname.split('/').at(-1));
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Edit customer' });
    await dialog.getByLabel('City').fill('Leeds');
    await page.keyboard.press('Escape');
    await dialog.getByText('Discard your changes?').waitFor();
    await dialog.getByRole('button', { name: 'Keep editing' }).click();
    await api('PATCH', `/customers/${id}`, { lastName: 'Lovelace' });
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Somebody else changed this customer while you were editing.').waitFor();
    await dialog.getByRole('button', { name: 'Load theirs, keep my changes' }).click();
    await page.getByText('What they saved is loaded').waitFor();
    expect([await dialog.getByLabel('Last name').inputValue(), await dialog.getByLabel('City').inputValue()]).toEqual(['Lovelace', 'Leeds']);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Ada Lovelace').waitFor();
  });

  test('filters by a field, with the filter in the address, and by keyboard alone', async () => {
    await page.goto(`${app.baseUrl}/customers`);
    await row('person0@example.com').or(row('ada@example.com')).first().waitFor();
    await choose('Field');
    await page.getByRole('button', { name: /^Field: City/ }).click();
    await page.keyboard.type('plan');
    await page.keyboard.press('Enter');
    await page.getByLabel('Value').fill('premium');
    await clean();
    await page.keyboard.press('Enter');
    await page.getByText('61 customers').waitFor();
    expect(new URL(page.url()).searchParams.get('rule')).toContain('custom.plan_type');
    await page.reload();
    await page.getByText('61 customers').waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('51 to 61 of 61').waitFor();
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByText('1 to 50 of 61').waitFor();
    await page.getByRole('button', { name: 'Remove the filter Field' }).click();
    await page.getByText('121 customers').waitFor();
    await page.getByRole('link', { name: 'ada@example.com' }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('x');
    await page.getByText('1 selected').waitFor();
    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Sort by Customer' }).click();
    await row('ada@example.com').waitFor();
    expect(await page.getByRole('row').nth(1).textContent()).toContain('ada@example.com');
  });

  test('shows the columns a person chose, also the next time', async () => {
    await page.getByRole('button', { name: 'View' }).click();
    await page.getByRole('checkbox', { name: 'plan_type' }).check();
    await page.getByText('Compact').click();
    await clean();
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: 'plan_type' }).waitFor();
    await page.reload();
    await page.getByRole('columnheader', { name: 'plan_type' }).waitFor();
  });

  test('adds all who match to a list', async () => {
    await choose('List');
    await page.getByRole('option', { name: /Newsletter/ }).click();
    await page.getByText('120 customers').waitFor();
    await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    await page.getByRole('button', { name: 'Select all 120 that match' }).click();
    await page.getByText('All 120 that match are selected').waitFor();
    await page.getByRole('button', { name: 'Add to list' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add 120 customers to a list' });
    await dialog.getByRole('button', { name: /List/ }).first().click();
    await page.getByRole('option', { name: /VIP/ }).click();
    await clean();
    await dialog.getByRole('button', { name: 'Add to list' }).click();
    await page.getByText('120 customers added to “VIP”.').waitFor();
    await page.goto(`${app.baseUrl}/customers/lists`);
    await row('VIP').getByText('120', { exact: true }).waitFor();
    await clean();
    await page.getByRole('link', { name: 'VIP' }).click();
    await page.getByRole('checkbox', { name: 'Select person5@example.com' }).check();
    await page.getByRole('button', { name: 'Remove from list' }).click();
    const removal = page.getByRole('dialog', { name: 'Remove 1 customer from a list' });
    await removal.getByRole('button', { name: 'List VIP' }).waitFor();
    await removal.getByRole('button', { name: 'Remove from list' }).click();
    await page.getByText('1 customer removed from “VIP”.').waitFor();
    await page.getByText('119 customers').waitFor();
  });

  test('exports a selection and downloads the file from the tray', async () => {
    await page.goto(`${app.baseUrl}/customers?search=person11`);
    await page.getByText('11 customers').waitFor();
    await page.getByRole('checkbox', { name: 'Select person11@example.com' }).check();
    await page.getByRole('checkbox', { name: 'Select person110@example.com' }).check();
    await page.getByRole('button', { name: 'Export' }).click();
    const dialog = page.getByRole('dialog', { name: 'Export 2 customers' });
    await clean();
    await dialog.getByRole('button', { name: 'Start export' }).click();
    await page.getByRole('button', { name: /ready/ }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
    const lines = (await (await download.createReadStream()).toArray()).join('').replace(/^\ufeff/, '').trim().split(/\r?\n/);
    expect(lines[0]).toMatch(/^email,first_name,last_name/);
    expect(lines.slice(1).map((line) => line.split(',')[0]).sort()).toEqual(['person110@example.com', 'person11@example.com'].sort());
    await page.goto(`${app.baseUrl}/customers/exports`);
    await page.getByText('Completed').waitFor();
    await clean();
  });

  test('exports the recipients of a campaign, once one is chosen', async () => {
    await page.getByRole('button', { name: 'New Export' }).click();
    const dialog = page.getByRole('dialog', { name: 'New Export' });
    await dialog.getByLabel('What to export').selectOption({ label: 'Recipients of a campaign' });
    await dialog.getByRole('button', { name: 'Start export' }).click();
    await dialog.getByText('Choose one.').last().waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Campaign' }).click();
    await page.getByRole('option', { name: 'Spring' }).click();
    await dialog.getByRole('button', { name: 'Start export' }).click();
    await row('Recipients of Spring').getByText('Completed').waitFor({ timeout: 60_000 });
  });

  test('changes the type of a field, sees its misfits, and deletes one that nobody uses', async () => {
    await page.goto(`${app.baseUrl}/customers/fields`);
    await page.getByRole('button', { name: 'Actions: orders' }).click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog', { name: 'Edit orders' });
    await dialog.getByLabel('Type').selectOption({ label: 'Number' });
    await dialog.getByText('All customers are indexed again in the background.').waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Save' }).click();
    const misfits = page.getByRole('link', { name: '1 customer whose value of orders does not fit its type' });
    await misfits.waitFor({ timeout: 60_000 });
    await clean();
    await misfits.click();
    await page.getByText('1 customer', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'person7@example.com' }).click();
    await page.getByText('Does not fit: the field is a number').waitFor();
    await page.goto(`${app.baseUrl}/customers/fields`);
    await page.getByRole('button', { name: 'Actions: plan_type' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Field deleted.').waitFor();
    await page.getByText('1 field', { exact: true }).waitFor();
  });

  test('erases one by typing the address, and many by typing how many', async () => {
    await page.goto(`${app.baseUrl}/customers?search=ada@`);
    await page.getByRole('link', { name: 'ada@example.com' }).click();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Erase' }).click();
    const one = page.getByRole('dialog', { name: 'Erase ada@example.com?' });
    expect(await one.getByRole('button', { name: 'Erase' }).isDisabled()).toBe(true);
    await one.getByLabel('Never mail this address again').check();
    await one.getByLabel('Type “ada@example.com” to confirm').fill('ada@example.com');
    await clean();
    await one.getByRole('button', { name: 'Erase' }).click();
    await page.getByText('Customer erased.').waitFor();
    await page.getByText('120 customers').waitFor();

    await page.goto(`${app.baseUrl}/customers?search=person10`);
    await page.getByText('11 customers').waitFor();
    await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    await page.getByRole('button', { name: 'Erase' }).click();
    const many = page.getByRole('dialog', { name: 'Erase 11 customers?' });
    await many.getByLabel('Type “erase 11” to confirm').fill('erase 11');
    await many.getByRole('button', { name: 'Erase' }).click();
    await page.getByText('11 customers erased.').waitFor();
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await page.getByText('109 customers').waitFor();
  });

  test('can do it all on a phone, in the dark, without a fault on any page', async () => {
    await page.setViewportSize({ width: 360, height: 780 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const { data } = await api<{ data: { id: number }[] }>('GET', '/customers?limit=1');
    for (const path of ['/customers', '/customers?status=mailable&search=person', `/customers/${data[0]!.id}`, '/customers/lists', '/customers/fields', '/customers/exports']) {
      await page.goto(app.baseUrl + path);
      await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
      await page.waitForLoadState('networkidle');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      expect(await seriousFindings(page), path).toEqual([]);
    }
    await page.goto(`${app.baseUrl}/customers`);
    await page.getByRole('list', { name: 'Customers' }).getByRole('checkbox').first().check();
    await page.getByText('1 selected').waitFor();
    await clean();
    expect(faults).toEqual([]);
  });
});
