import { readFile } from 'node:fs/promises';
import iconv from 'iconv-lite';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, type Keeper } from '../support/keeper.ts';

/** Files in the screens: looked at before anything is written, followed, cancelled, found again; and those of addresses that get no mail. */

describe('files', () => {
  let keeper: Keeper;
  let app: Keeper['app'];
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    keeper = await startKeeper({ timezone: 'Europe/Berlin' });
    ({ app, page, faults } = keeper);
  }, 180_000);
  afterAll(() => keeper?.close());

  const clean = async () => expect(await seriousFindings(page)).toEqual([]);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const choose = (name: string, content: string | Buffer) => page.getByLabel('CSV file').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });

  test('a file of another country is mapped column by column, its dates read by their pattern, and starts only with an address column', async () => {
    await page.goto(`${app.baseUrl}/customers/uploads`);
    await button('Upload CSV').click();
    await button('Continue to preview').click();
    await page.getByText('Name the list, or choose No list.').waitFor();
    await page.getByText('Choose a CSV file.').waitFor();
    await clean();
    await page.getByLabel('List name').fill('Herbst');
    const rows = Array.from({ length: 40 }, (_, i) => `kunde${i}@beispiel.de;Zoë ${i};${1 + (i % 28)}.${1 + (i % 12)}.2025;no;${i}`);
    await choose('kunden.csv', iconv.encode(['Mail;Vorname;Kunde seit;is_bounced;Käufe', ...rows, 'nobody;Eve;1.1.2025;no;1'].join('\n'), 'latin1'));
    await button('Continue to preview').click();
    await page.getByRole('heading', { name: 'Check the columns' }).waitFor();
    expect(await page.getByLabel('Encoding').inputValue()).toBe('windows-1252');
    expect(await page.getByLabel('Separated by').inputValue()).toBe(';');
    await page.getByText('Column 1 (Mail) holds addresses. Choose Email for it.').waitFor();
    expect(await button('Start import').isDisabled()).toBe(true);
    await clean();

    await page.getByLabel('Separated by').selectOption({ label: 'Comma' });
    await page.getByRole('group', { name: /^Column 1: Mail;Vorname/ }).waitFor();
    await page.getByLabel('Separated by').selectOption({ label: 'Semicolon' });
    await page.getByRole('button', { name: 'Mail: Goes to' }).click();
    await page.getByRole('option', { name: 'Email', exact: true }).click();
    await page.getByRole('button', { name: 'Vorname: Goes to' }).click();
    await page.getByRole('option', { name: 'First name', exact: true }).click();
    await page.getByLabel('Kunde seit: Name of the new field').fill('customer since');
    await page.getByLabel('Kunde seit: Type').selectOption('date');
    expect(await page.getByLabel('Kunde seit: Dates are written').inputValue()).toBe('DD.MM.YYYY');
    await page.getByLabel('Kunde seit: Dates are written').selectOption('MM/DD/YYYY');
    await page.getByText(/of 20 values shown do not fit and will stay text/).waitFor();
    await page.getByLabel('Kunde seit: Dates are written').selectOption('DD.MM.YYYY');
    await clean();
    await button('Start import').click();

    const card = page.getByRole('region', { name: 'kunden.csv' });
    await card.getByText('40 created, 0 updated.').waitFor();
    await card.getByText('1 row was skipped.').waitFor();
    await clean();
    const [file] = await Promise.all([page.waitForEvent('download'), card.getByRole('link', { name: 'Download rejected rows' }).click()]);
    expect(await readFile(await file.path(), 'utf8')).toContain('nobody,Eve,1.1.2025,no,1,42,Not an email address');
    await card.getByRole('link', { name: 'See the customers' }).click();
    await page.getByRole('link', { name: 'kunde3@beispiel.de' }).click();
    await page.getByText('2025-04-04').first().waitFor();
  });

  test('an upload that is not wanted is discarded, and the history shows every one of them', async () => {
    await page.goto(`${app.baseUrl}/customers/uploads?new=1`);
    await page.getByLabel('No list').check();
    await choose('mistake.csv', 'email\nx@example.com\n');
    await button('Continue to preview').click();
    await button('Discard').click();
    await page.getByText('The upload was discarded').waitFor();
    const mistake = page.getByRole('row').filter({ hasText: 'mistake.csv' });
    await mistake.getByText('Cancelled').waitFor();
    await mistake.getByText('by Mara Quill, file removed').waitFor();
    const done = page.getByRole('row').filter({ hasText: 'kunden.csv' });
    await done.getByRole('link', { name: 'Herbst' }).waitFor();
    expect(await done.getByRole('cell').allInnerTexts()).toEqual(expect.arrayContaining(['41', '40', '1']));
    await clean();
  });

  test('a running import shows its pace, asks before it is cancelled, and what is applied stays', async () => {
    await page.goto(`${app.baseUrl}/customers/uploads?new=1`);
    await page.getByLabel('No list').check();
    await choose('many.csv', ['email,first_name', ...Array.from({ length: 200_000 }, (_, i) => `many${i}@example.com,Name ${i}`)].join('\n'));
    await button('Continue to preview').click();
    await button('Start import').click();
    const card = page.getByRole('region', { name: 'many.csv' });
    await card.getByText(/rows\/s/).waitFor();
    await card.getByText(/left$/).waitFor();
    await card.getByRole('button', { name: 'Cancel import' }).click();
    await page.getByRole('dialog').getByText(/rows are applied already and stay/).waitFor();
    await clean();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel import' }).click();
    await card.getByText('Cancelled').waitFor();
    await page.reload();
    await card.getByText(/^[\d,]+ created, 0 updated\.$/).waitFor();

    // The operators' link leads to the very workflow, in Temporal's own screens.
    const [temporal] = await Promise.all([page.context().waitForEvent('page'), card.getByRole('link', { name: 'Open in Temporal' }).click()]);
    await temporal.getByText('importWorkflow').first().waitFor();
    const importId = new URL(page.url()).searchParams.get('import')!;
    expect(decodeURIComponent(temporal.url())).toContain(importId);
    await temporal.close();
  });

  test('a file of addresses suppresses them, their history is shown, and a mistake is undone with one note', async () => {
    await page.goto(`${app.baseUrl}/suppression`);
    await page.getByRole('button', { name: 'Add Suppression' }).first().click();
    const adding = page.getByRole('dialog', { name: 'Add Suppression' });
    await adding.getByLabel('Email').fill('kunde1@beispiel.de');
    await adding.getByLabel('Reason').selectOption('complaint');
    await adding.getByRole('button', { name: 'Suppress', exact: true }).click();
    await page.getByRole('link', { name: 'Import CSV' }).first().click();
    await button('Upload CSV').click();
    await choose('gone.csv', ['email,note', 'kunde1@beispiel.de,old list', ...Array.from({ length: 60 }, (_, i) => `gone${i}@elsewhere.example,`)].join('\n'));
    await button('Continue to preview').click();
    await page.getByText('Every address in the file will be suppressed').waitFor();
    await button('Start import').click();
    await page.getByText('60 addresses added, 1 suppressed before.').waitFor();
    await clean();

    await page.goto(`${app.baseUrl}/suppression?search=kunde1`);
    await button('kunde1@beispiel.de').click();
    const details = page.getByRole('dialog', { name: 'kunde1@beispiel.de' });
    await details.getByText('Complaint').waitFor();
    await details.getByText('old list').waitFor();
    await clean();
    await page.goto(`${app.baseUrl}/suppression?source=csv_import`);
    await page.getByText('60 addresses').waitFor();
    await page.getByRole('checkbox').first().check();
    await page.getByRole('button', { name: /Select all 60/ }).click();
    await page.getByRole('region', { name: 'Actions on the selection' }).getByRole('button', { name: 'Unsuppress' }).click();
    const asking = page.getByRole('dialog', { name: 'Unsuppress 60 addresses?' });
    await asking.getByRole('button', { name: 'Unsuppress' }).click();
    await asking.getByText('Say why in a few words.').waitFor();
    await asking.getByLabel('Note').fill('The wrong file');
    await clean();
    await asking.getByRole('button', { name: 'Unsuppress' }).click();
    await page.getByText('60 addresses can be mailed again.').waitFor();
    await page.goto(`${app.baseUrl}/suppression`);
    await page.getByText('1 address', { exact: true }).waitFor();
    expect(faults).toEqual([]);
  });

  test.for([['light', 1280], ['dark', 1280], ['light', 360]] as const)('the screens hold no serious fault in %s at %i px and never scroll sideways', async ([colorScheme, width]) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    for (const path of ['/customers/uploads', '/customers/uploads?new=1', '/suppression', '/suppression/import']) {
      await page.goto(`${app.baseUrl}${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      await clean();
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), path).toBeLessThanOrEqual(0);
    }
  });
});
