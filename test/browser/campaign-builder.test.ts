import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, type Keeper } from '../support/keeper.ts';

/** A campaign from its first word to its launch, over two connections, with an A/B test and a schedule that is taken back. */

const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

describe('the campaign builder', () => {
  let keeper: Keeper;
  let app: Keeper['app'];
  let page: Page;
  let api: Keeper['api'];
  let faults: string[];
  let campaignId = '';

  beforeAll(async () => {
    keeper = await startKeeper({ viewport: { width: 1440, height: 900 } });
    ({ app, page, api, faults } = keeper);
    await api('POST', '/fields', { key: 'plan_type', label: 'Plan', type: 'text' });
    await api('POST', '/connections', { vendor: 'catcher', name: 'Second line', fromEmail: 'hello@northwind.example' });
    const [news, staff] = await Promise.all(['Newsletter', 'Staff'].map((name) => api<{ id: string }>('POST', '/lists', { name })));
    await api('POST', '/customers/batch', { customers: Array.from({ length: 43 }, (_, i) => ({ email: `reader${i}@example.com`, firstName: `Reader ${i}`, custom: { plan_type: 'premium' }, listIds: [news!.id, ...(i < 2 ? [staff!.id] : [])] })) });
    await api('POST', '/suppressions', { email: 'reader42@example.com', reason: 'unsubscribed' });
  }, 180_000);
  afterAll(() => keeper?.close());

  const clean = async () => expect(await seriousFindings(page)).toEqual([]);
  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
  const step = (name: string) => page.getByRole('navigation', { name: 'Steps' }).getByRole('link', { name: new RegExp(name) });
  const mark = (name: string, is: string) => page.locator(`nav[aria-label=Steps] a[data-mark=${is}]`, { hasText: name }).waitFor();
  const part = (name: RegExp) => page.getByRole('navigation', { name: 'Parts of the content' }).getByRole('link', { name }).click();
  const summary = () => page.getByRole('complementary', { name: 'What will happen' });
  const preview = () => page.frameLocator('iframe[title="Preview"]');
  const saved = () => page.locator('[data-testid=save-state][data-state=saved]').waitFor();
  const field = (name: string) => page.getByRole('textbox', { name, exact: true });

  test('begins with what it lacks, each thing a link to its place', async () => {
    await page.goto(`${app.baseUrl}/campaigns`);
    await page.getByRole('main').getByRole('button', { name: 'New Campaign' }).click();
    await page.getByLabel('Campaign Name').fill('Spring offer');
    await button('Create').click();
    await page.waitForURL(/\/campaigns\/[0-9a-f-]{36}\/edit$/);
    campaignId = new URL(page.url()).pathname.split('/')[2]!;
    await mark('Basic Details', 'incomplete');
    await mark('Content', 'incomplete');
    await mark('Tracking', 'complete');
    await clean();
    await summary().getByRole('link', { name: 'Choose at least one list or segment to include.' }).click();
    await page.getByText('No target yet.').waitFor();
    expect(await summary().getByRole('button', { name: 'Launch', exact: true }).isDisabled()).toBe(true);
    await step('Basic Details').click();
    await field('Subject Line').fill('Spring is here, ');
    await page.keyboard.type('{{');
    await page.getByPlaceholder('Find a tag').fill('first');
    await clean();
    await page.keyboard.press('Enter');
    await expect.poll(() => field('Subject Line').inputValue()).toBe('Spring is here, {{first_name}}');
    await field('From Name').fill('Northwind');
    await field('From Email').fill('news at northwind');
    await mark('Basic Details', 'faulty');
    await page.getByText('Expected an address like news@example.com.').first().waitFor();
    await field('From Email').fill('news@northwind.example');
    await mark('Basic Details', 'complete');
  });

  test('is written with tags, is told its problems by line, and is seen as a reader sees it', async () => {
    await step('Content').click();
    await page.getByTestId('html-editor').click();
    await page.keyboard.insertText('<h1>{Hello|Good day} {{nick_name}}</h1>\n<p><a href="https://northwind.example/spring">See the collection</a></p>\n<p>');
    await page.keyboard.type('{{custom.pl');
    await page.getByRole('option', { name: /custom\.plan_type/ }).waitFor();
    await page.keyboard.press('Enter');
    await preview().getByText('Plan', { exact: true }).waitFor();
    const problem = page.getByRole('button', { name: /There is no field nick_name/ });
    await problem.waitFor();
    await clean();
    await problem.press('Enter');
    await expect.poll(() => page.evaluate<string>('document.activeElement.dataset.testid')).toBe('html-editor');
    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+End');
    await page.keyboard.insertText('<h1>{Hello|Good day} {{first_name}}</h1>');
    await problem.waitFor({ state: 'detached' });
    await button('Insert footer').click();
    await preview().getByRole('link', { name: 'Unsubscribe' }).waitFor();
    await page.getByRole('button', { name: /Seen as/ }).click();
    await page.keyboard.type('reader7@');
    await page.getByRole('option', { name: /reader7@example\.com/ }).click();
    await preview().getByRole('heading', { name: /Reader 7/ }).waitFor();
    await preview().getByText('premium').waitFor();
    await page.getByTestId('preview-subject').getByText('Spring is here, Reader 7').waitFor();
    const greeting = await preview().getByRole('heading').textContent();
    for (let rolls = 0; (await preview().getByRole('heading').textContent()) === greeting; rolls++) {
      if (rolls > 30) throw new Error('spintax never chose otherwise');
      await button('Other choices').click();
      await sleep(500);
    }
    await button('1 link').click();
    await page.getByText('https://northwind.example/spring?utm_source=northwind&utm_medium=email&utm_campaign=spring-offer').waitFor();
    for (const view of ['Phone', 'Dark', 'Text'] as const) await button(view).click();
    await page.locator('pre', { hasText: 'See the collection (https://northwind.example/spring' }).waitFor();
    await clean();
    await button('Desktop').click();
    await mark('Content', 'complete');
  });

  test('tries a second subject and content by letters, with weights that must sum to 100', async () => {
    await part(/A\/B Testing/);
    await page.getByRole('switch', { name: 'A/B Testing' }).click();
    await field('Subject Line 2').fill('Your spring preview');
    await button('Add content').click();
    await page.getByRole('group', { name: 'Alternatives of the content' }).waitFor();
    await page.getByTestId('html-editor').click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.insertText('<p>A week early.</p>\n');
    await preview().getByText('A week early.').waitFor();
    await clean();
    await part(/A\/B Testing \(4\)/);
    await page.getByRole('radio', { name: /Weighted/ }).check();
    await page.getByLabel('Weight of variant A').fill('40');
    await page.getByText('Sum 115 %').waitFor();
    await mark('Content', 'faulty');
    await clean();
    await button('Share equally').click();
    await page.getByText('Sum 100 %').waitFor();
    await mark('Content', 'complete');
    const rows = page.getByRole('region', { name: 'Variants' }).getByRole('row');
    expect(await rows.getByRole('rowheader').allTextContents()).toEqual(['A', 'B', 'C', 'D']);
    await rows.filter({ hasText: 'D' }).getByRole('cell', { name: 'Your spring preview' }).waitFor();
    await button('Look at it: D').click();
    await page.getByTestId('preview-subject').getByText('Your spring preview').waitFor();
    await preview().getByText('A week early.').waitFor();
  });

  test('counts its audience to the person, shows some of each line, and answers about an address', async () => {
    await step('Targeting').click();
    await button('Add Target').click();
    await page.getByRole('option', { name: 'Newsletter' }).click();
    await button('Add Target').click();
    await page.keyboard.type('Staff');
    await page.getByRole('option', { name: 'Staff' }).click();
    await page.getByLabel('Include or exclude').last().selectOption('exclude');
    await page.getByTestId('estimate-final').filter({ hasText: /^40$/ }).waitFor();
    expect(await page.getByTestId('target-size').allTextContents()).toEqual(['43', '2']);
    await button('Show examples: Unsubscribed').click();
    await page.getByRole('list', { name: 'Examples: Unsubscribed' }).getByRole('link', { name: 'reader42@example.com' }).waitFor();
    await clean();
    for (const [address, verdict] of [['reader1@example.com', 'excluded'], ['reader42@example.com', 'unmailable'], ['reader9@example.com', 'would_get'], ['nobody@example.com', 'unknown_address']] as const) {
      await page.getByRole('textbox', { name: 'Address' }).fill(address);
      await button('Ask').click();
      await page.locator(`[data-testid=why][data-verdict=${verdict}]`).waitFor();
    }
    await clean();
    await summary().getByTestId('summary-recipients').filter({ hasText: /^40$/ }).waitFor();
  });

  test('goes over two connections in exact shares', async () => {
    await step('SMTP').click();
    await page.getByRole('radio', { name: /Percentage Split/ }).check();
    await page.getByRole('checkbox', { name: /Second line/ }).check();
    await page.getByLabel('Share of Mail catcher').fill('65');
    await page.getByText('Sum 115 %, 15 % too many').waitFor();
    await mark('SMTP', 'faulty');
    await clean();
    await page.getByLabel('Share of Second line').fill('35');
    await page.getByRole('radio', { name: /Carry on with the other connections/ }).check();
    await page.getByLabel('Throttle').fill('6000');
    await mark('SMTP', 'complete');
    expect(await page.getByTestId('lane-mails').allTextContents()).toEqual(['26 mails', '14 mails']);
    await saved();
  });

  test('is tested on addresses, with what the server answered to each', async () => {
    await button('Send Test Email').click();
    const dialog = page.getByRole('dialog', { name: 'Send Test Email' });
    await dialog.getByLabel('Addresses').fill(Array.from({ length: 11 }, (_, i) => `t${i}@example.com`).join(', '));
    await dialog.getByRole('button', { name: 'Send', exact: true }).click();
    await dialog.getByText('At most 10 addresses.').waitFor();
    await dialog.getByLabel('Addresses').fill('mara@example.com, reader42@example.com');
    await dialog.getByLabel('Variant').selectOption('all');
    await clean();
    await dialog.getByRole('button', { name: 'Send', exact: true }).click();
    await dialog.getByLabel('Sent').nth(7).waitFor();
    await dialog.getByRole('listitem').filter({ hasText: 'Variant D' }).first().waitFor();
    await clean();
    await page.keyboard.press('Escape');
    const { data } = await api<{ data: { subject: string }[] }>('GET', '/mail-catcher/messages?search=reader42');
    expect(data.map(({ subject }) => subject).sort()).toEqual(['[TEST] Spring is here, Reader 7', '[TEST] Spring is here, Reader 7', '[TEST] Your spring preview', '[TEST] Your spring preview']);
  });

  test('is scheduled by the clock of the organization, and taken back', async () => {
    await step('Scheduling').click();
    await page.getByRole('radio', { name: /At a time/ }).check();
    await mark('Scheduling', 'incomplete');
    expect(await page.getByRole('radio', { name: /each recipient’s time zone/ }).isDisabled()).toBe(true);
    const time = page.getByLabel('Date and time');
    await time.fill('2020-01-01T09:00');
    await mark('Scheduling', 'faulty');
    await page.getByText('This time is over.').first().waitFor();
    await clean();
    // The last Sunday of March: clocks go from 01:00 to 02:00.
    await time.fill('2037-03-29T01:30');
    await page.getByTestId('start').getByText('01:30 is skipped by daylight saving that day: it starts at 02:00.').waitFor();
    await time.fill('2037-06-01T09:00');
    await page.getByTestId('start').getByText(/Starts 1 Jun 2037, 09:00 \(Europe\/London\)/).waitFor();
    await page.reload();
    expect(await time.inputValue()).toBe('2037-06-01T09:00');
    await clean();
    await summary().getByRole('button', { name: 'Schedule', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Schedule “Spring offer”?' });
    await dialog.getByText('This sends 40 mails, as counted now, through 2 connections, starting 1 Jun 2037, 09:00.').waitFor();
    await dialog.getByText('Second line: 14 mails').waitFor();
    await dialog.getByText('4 variants go to 8 recipients first; after 4 hours the best by open rate goes to the other 32.').waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Schedule', exact: true }).click();
    await page.waitForURL(`${app.baseUrl}/campaigns/${campaignId}`);

    await page.goto(`${app.baseUrl}/campaigns?state=scheduled`);
    const row = page.getByRole('row', { name: /Spring offer/ });
    await row.getByText('1 Jun 2037, 09:00').waitFor();
    await row.getByText('A/B', { exact: true }).waitFor();
    await clean();
    await button('Actions: Spring offer').click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await page.getByRole('heading', { name: 'Scheduled for 1 Jun 2037, 09:00' }).waitFor();
    await clean();
    await page.getByRole('main').getByRole('button', { name: 'Edit' }).click();
    const asking = page.getByRole('dialog', { name: 'Take it off the schedule?' });
    await clean();
    await asking.getByRole('button', { name: 'Unschedule' }).click();
    await page.getByText('Unscheduled. It is a draft again.').waitFor();
    expect((await api<{ state: string }>('GET', `/campaigns/${campaignId}`)).state).toBe('draft');
    await step('Scheduling').click();
    expect(await time.inputValue()).toBe('2037-06-01T09:00');
  });

  test('keeps what two people change', async () => {
    await step('Basic Details').click();
    const { version } = await api<{ version: number }>('GET', `/campaigns/${campaignId}`);
    await api('PATCH', `/campaigns/${campaignId}`, { version, preheader: 'From somebody else' });
    await page.getByLabel('Reply-To Email').fill('help@northwind.example');
    await page.getByText('Somebody else changed this campaign').waitFor();
    await clean();
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Segments' }).click();
    await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
    await button('Save mine on top').click();
    await saved();
    expect([await page.getByLabel('Preheader Text').inputValue(), await page.getByLabel('Reply-To Email').inputValue()]).toEqual(['From somebody else', 'help@northwind.example']);
  });

  test('is launched, and each connection and variant gets its share', async () => {
    await step('Content').click();
    await part(/A\/B Testing/);
    await page.getByLabel('Test percentage').fill('100');
    await page.getByText('All 40 recipients get a variant; no winner is sent.').waitFor();
    await step('Scheduling').click();
    await page.getByRole('radio', { name: /Launch now/ }).check();
    await saved();
    await summary().getByRole('button', { name: 'Launch', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Launch “Spring offer”?' });
    await dialog.getByText('This sends 40 mails through 2 connections, starting now.').waitFor();
    const warned = dialog.getByRole('checkbox');
    if (await warned.count()) await warned.check();
    await clean();
    await dialog.getByRole('button', { name: 'Launch', exact: true }).click();
    await page.waitForURL(`${app.baseUrl}/campaigns/${campaignId}`);
    await keeper.until(`/campaigns/${campaignId}`, 'completed');
    const { data: connections } = await api<{ data: { id: string; name: string }[] }>('GET', '/connections');
    const sentOver = async (query: string) => (await api<{ count: number }>('GET', `/campaigns/${campaignId}/recipients?state=sent&limit=1&count=true&${query}`)).count;
    expect(await Promise.all(connections.map(({ id }) => sentOver(`connection=${id}`)))).toEqual([26, 14]);
    expect(await Promise.all(['A', 'B', 'C', 'D'].map((variant) => sentOver(`variant=${variant}`)))).toEqual([10, 10, 10, 10]);
    await page.goto(`${app.baseUrl}/campaigns/${campaignId}/edit`);
    await page.getByText('This campaign is not a draft any more.').waitFor();
    await clean();
  });

  test('begins with templates of the gallery and saved ones, and takes pictures in', async () => {
    await page.goto(`${app.baseUrl}/templates`);
    await page.getByText('No saved templates yet').waitFor();
    await clean();
    await page.getByRole('link', { name: 'See the gallery' }).click();
    await expect.poll(() => page.getByRole('button', { name: /^Use it/ }).count()).toBe(6);
    await clean();
    await button('Customize: Letter').click();
    const making = page.getByRole('dialog', { name: 'New Template' });
    await making.getByLabel('Name').fill('Our letter');
    expect(await making.getByRole('radio', { name: /^Letter/ }).isChecked()).toBe(true);
    await clean();
    await making.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/templates\/[0-9a-f-]{36}$/);
    await page.getByTestId('html-editor').click();
    await page.keyboard.press('Control+End');
    await button('Image').click();
    const picking = page.getByRole('dialog', { name: 'Insert an image' });
    await picking.getByText('No images yet').waitFor();
    await picking.getByLabel('Upload', { exact: true }).setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: pixel });
    await picking.getByLabel('Alternative text').fill('A dot');
    await clean();
    await picking.getByRole('button', { name: 'Insert', exact: true }).click();
    await preview().getByAltText('A dot').waitFor();
    await page.getByTestId('save-state').getByText('Not saved yet').waitFor();
    await page.keyboard.press('Control+s');
    await page.getByText('Template saved.').waitFor();
    await clean();

    await page.goto(`${app.baseUrl}/templates?tab=images`);
    await button('Actions: dot.png').click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('template “Our letter”').waitFor();
    await clean();
    await page.keyboard.press('Escape');

    const { id } = await api<{ id: string }>('POST', '/campaigns', { name: 'Autumn letter' });
    await page.goto(`${app.baseUrl}/campaigns/${id}/edit?step=content`);
    await button('Templates').click();
    await page.getByRole('menuitem', { name: 'Begin with a template' }).click();
    await button('Take it: Our letter').click();
    await preview().getByAltText('A dot').waitFor();
    await button('Templates').click();
    await page.getByRole('menuitem', { name: 'Save as template' }).click();
    await page.getByRole('dialog', { name: 'Save as template' }).getByRole('button', { name: 'Save' }).click();
    await page.getByText('Template “Autumn letter” saved.').waitFor();
    await clean();
  });

  test('is sent by connections with limits, and by settings that hold for all mail', async () => {
    await page.goto(`${app.baseUrl}/smtp`);
    await page.getByRole('row', { name: /Second line/ }).getByText('14', { exact: true }).waitFor();
    await clean();
    await page.getByRole('link', { name: 'Second line' }).click();
    await page.getByLabel('A minute').fill('0');
    await page.keyboard.press('Control+s');
    await page.getByText('At least 1, or nothing for no limit.').first().waitFor();
    await page.getByLabel('A minute').fill('600');
    await page.getByRole('switch', { name: 'Warm up' }).click();
    await page.getByText('Day 1: up to 500 mails today.').waitFor();
    await page.getByLabel('Backup connection').selectOption({ label: 'Mail catcher' });
    await clean();
    await page.keyboard.press('Control+s');
    await page.getByText('Connection saved.').waitFor();
    await button('Test Connection').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Send Test' }).click();
    await page.getByText('It works. The mail was accepted.').waitFor();
    await clean();
    await page.keyboard.press('Escape');
    await page.goto(`${app.baseUrl}/smtp`);
    await page.getByRole('row', { name: /Second line/ }).getByText(/^1[45] of 500$/).waitFor();

    await page.goto(`${app.baseUrl}/settings?tab=sending`);
    await page.getByRole('switch', { name: 'Frequency cap' }).click();
    await page.getByLabel('At most').fill('2');
    await page.getByRole('switch', { name: 'Track Opens' }).click();
    await clean();
    await button('Save').click();
    await page.getByText('Settings saved.').waitFor();
    expect(await api('GET', '/organization/sending')).toEqual({ frequencyCap: { mails: 2, days: 7 }, safetyStops: true, tracking: { opens: false, clicks: true, utm: true } });
  });

  test('works on a phone, in the dark, without a fault on any page', async () => {
    const draft = (await api<{ data: { id: string }[] }>('GET', '/campaigns?state=draft')).data[0]!;
    const template = (await api<{ data: { id: string }[] }>('GET', '/templates')).data[0]!;
    const connection = (await api<{ data: { id: string }[] }>('GET', '/connections')).data[0]!;
    await page.setViewportSize({ width: 360, height: 780 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const steps = ['step=basic', 'step=content', 'step=content&part=test', 'step=targeting', 'step=smtp', 'step=tracking', 'step=scheduling'];
    for (const path of ['/campaigns', '/templates', '/templates?tab=gallery', '/templates?tab=images', `/templates/${template.id}`, '/smtp', `/smtp/${connection.id}`, '/settings?tab=sending', ...steps.map((query) => `/campaigns/${draft.id}/edit?${query}`)]) {
      await page.goto(app.baseUrl + path);
      await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
      await page.waitForLoadState('networkidle');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      expect(await seriousFindings(page), path).toEqual([]);
    }
    expect(faults).toEqual([]);
  });
});
