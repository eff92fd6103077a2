import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '../support/browser.ts';
import { startKeeper, type Keeper } from '../support/keeper.ts';

const READERS = 30;
const html = '<h1>Hello {{ first_name | default: "friend" }}</h1><p><a href="https://shop.example/coats">Coats</a> <a href="https://shop.example/boots">Boots</a></p><p><a href="{{unsubscribe_url}}">Unsubscribe</a></p>';

describe('a campaign that was launched', () => {
  let keeper: Keeper;
  let app: Keeper['app'];
  let page: Page;
  let api: Keeper['api'];
  let until: Keeper['until'];
  let faults: string[];
  let listId: string;
  let connectionId: string;
  let finished: string;

  const launch = async (name: string, { throttlePerMinute = null, ...more }: { throttlePerMinute?: number | null; experiment?: object } = {}) => {
    const { id, version } = await api<{ id: string; version: number }>('POST', '/campaigns', { name });
    await api('PATCH', `/campaigns/${id}`, {
      version, subject: 'Coats for {{first_name}}', fromName: 'Northwind', fromEmail: 'hello@example.com', html, text: 'Hello {{unsubscribe_url}}', targets: [{ kind: 'list', id: listId, mode: 'include' }],
      delivery: { mode: 'single', connections: [{ id: connectionId, percent: 100 }], onBreak: 'pause', throttlePerMinute }, ...more,
    });
    await api('POST', `/campaigns/${id}/launch`, { acknowledgeWarnings: true });
    return id;
  };
  const clean = async () => expect(await seriousFindings(page)).toEqual([]);
  const visit = async (path: string) => {
    await page.goto(app.baseUrl + path);
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
  };
  const stat = (label: string) => page.locator(`[data-stat="${label}"] [data-value]`);
  const shows = (locator: Locator, text: RegExp | string) => locator.filter({ hasText: text }).first().waitFor();
  const standing = (state: string) => page.locator(`[data-testid=campaign-state][data-state=${state}]`).waitFor();
  const saved = async (click: () => Promise<void>) => {
    const [download] = await Promise.all([page.waitForEvent('download'), click()]);
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  };

  beforeAll(async () => {
    keeper = await startKeeper({ viewport: { width: 1280, height: 900 } });
    ({ app, page, api, until, faults } = keeper);
    ({ id: listId } = await api<{ id: string }>('POST', '/lists', { name: 'Newsletter' }));
    await api('POST', '/customers/batch', { customers: Array.from({ length: READERS }, (_, i) => ({ email: `reader${i + 1}@example.com`, firstName: `Reader ${i + 1}`, listIds: [listId] })) });
    await api('POST', '/customers', { email: 'stranger@example.com' });
    await api('POST', '/suppressions', { email: `reader${READERS}@example.com`, reason: 'manual', note: 'Asked by phone.' });
    ({ data: [{ id: connectionId }] } = await api<{ data: [{ id: string }] }>('GET', '/connections'));
    await untilAnHourLasts(30_000);
    finished = await launch('Autumn collection');
    await until(`/campaigns/${finished}`, 'completed');
    await read(6);
  }, 240_000);
  afterAll(() => keeper?.close());

  /** The chart has a line for each hour: what is sent and read together stands in one. */
  async function untilAnHourLasts(ms: number) {
    const left = 3_600_000 - (Date.now() % 3_600_000);
    if (left < ms) await sleep(left);
  }

  /** Some readers open their mail, two of them click, as their programs would; sooner than 2 s after sending it would be a machine. */
  async function read(readers: number) {
    await sleep(2_500);
    const { data: mails } = await api<{ data: { id: number }[] }>('GET', `/mail-catcher/messages?limit=${readers}`);
    for (const [index, { id }] of mails.entries()) {
      const { html: mail } = await api<{ html: string }>('GET', `/mail-catcher/messages/${id}`);
      const open = /src="([^"]+\/track\/open\/[^"]+)"/.exec(mail)![1]!;
      const link = /href="([^"]+\/track\/click\/[^"]+)"/.exec(mail)![1]!;
      await page.request.get(open, { headers: { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; rv:115.0) Gecko/20100101 Thunderbird/115.0' } });
      if (index < 2) await page.request.get(link, { maxRedirects: 0 });
    }
  }

  test('shows how it went: everybody accounted for, its history, its connection', async () => {
    await visit(`/campaigns/${finished}`);
    await standing('completed');
    await shows(page.getByTestId('sent'), String(READERS - 1));
    await shows(page.getByTestId('recipients'), `of ${READERS - 1}`);
    await shows(page.getByTestId('history').getByRole('listitem'), 'Mara Quill launched it');
    await page.getByRole('region', { name: 'Connections' }).getByText('Mail catcher').waitFor();
    expect(await page.getByRole('link', { name: 'Open in Temporal' }).getAttribute('href')).toContain('/workflows/');
    await page.getByRole('button', { name: 'Compare' }).click();
    await shows(page.getByTestId('drift'), 'The same people would get it today.');
    await clean();
  });

  test('reports people, rates, links and programs; the chart is also a table, a CSV and a picture', async () => {
    await page.getByRole('navigation', { name: 'Campaign', exact: true }).getByRole('link', { name: 'Report' }).click();
    await shows(stat('Total Sent'), String(READERS - 1));
    await shows(stat('Opened'), /^6$/);
    await shows(stat('Clicked'), /^2$/);
    await shows(stat('Open Rate'), '20.69 %');
    await shows(stat('Click-to-Open Rate'), '33.33 %');
    expect(await page.locator('[data-stat="Bounce Rate"] [data-band]').getAttribute('data-band')).toBe('healthy');
    await page.getByRole('region', { name: 'Links' }).getByText('shop.example/coats').waitFor();
    await page.getByRole('region', { name: 'Read with' }).getByText('Thunderbird').waitFor();

    const chart = page.getByRole('slider', { name: 'Timeline: Autumn collection' });
    await chart.focus();
    await page.keyboard.press('End');
    expect(await chart.getAttribute('aria-valuetext')).toMatch(/Sent 29, Opened 6, Clicked 2$/);
    const csv = await saved(() => page.getByRole('button', { name: 'Download as CSV: Timeline: Autumn collection' }).click());
    expect(csv.name).toBe('timeline-autumn-collection.csv');
    expect(csv.bytes.toString()).toMatch(/^Hour,Sent,Opened,Clicked\r\n.*,29,6,2$/);
    const png = await saved(() => page.getByRole('button', { name: 'Download as PNG: Timeline: Autumn collection' }).click());
    expect(png.bytes.subarray(1, 4).toString()).toBe('PNG');
    expect(png.bytes.length).toBeGreaterThan(5_000);
    await page.getByRole('button', { name: 'Show as table: Timeline: Autumn collection' }).click();
    await page.getByRole('region', { name: 'Timeline: Autumn collection' }).getByRole('cell', { name: '29' }).waitFor();
    await clean();

    await page.getByRole('group', { name: 'Breakdown' }).getByRole('button', { name: 'Domains' }).click();
    await page.getByRole('region', { name: 'Domains' }).getByRole('cell', { name: 'example.com' }).waitFor();
    await page.getByRole('button', { name: 'Top clickers: https://shop.example/boots' }).click();
    await page.getByRole('region', { name: 'Links' }).getByText('Nobody has clicked yet.').waitFor();
  });

  test('tells of every recipient, and of some by state, engagement and address', async () => {
    await visit(`/campaigns/${finished}/recipients`);
    await page.getByText(`${READERS - 1} recipients`).waitFor();
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByRole('option', { name: 'Engagement' }).click();
    await page.getByRole('option', { name: 'Clicked', exact: true }).click();
    await page.getByText('2 recipients').waitFor();
    expect(new URL(page.url()).searchParams.get('engagement')).toBe('clicked');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.getByLabel('Search address').fill('reader7@');
    await page.getByText('1 recipient', { exact: true }).waitFor();
    await clean();
    await page.getByRole('button', { name: 'reader7@example.com' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Message id').waitFor();
    await dialog.getByText('Mail catcher').waitFor();
    await clean();
    await dialog.getByRole('link', { name: 'Why?' }).click();
    await page.locator('[data-testid=why][data-verdict=sent]').getByText(/^Sent on .* over Mail catcher\.$/).waitFor();
  });

  test('says of any address why it got it, or why not', async () => {
    await visit(`/campaigns/${finished}`);
    const ask = async (address: string, verdict: string) => {
      await page.getByLabel('Address', { exact: true }).fill(address);
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.locator(`[data-testid=why][data-verdict=${verdict}]`).waitFor();
    };
    await ask('reader3@example.com', 'sent');
    await ask(`reader${READERS}@example.com`, 'not_in_audience');
    await page.getByTestId('why').getByText(/suppressed since .*: a team member suppressed it/).waitFor();
    await page.getByTestId('why').getByText('Asked by phone.').waitFor();
    await ask('stranger@example.com', 'not_in_audience');
    await page.getByTestId('why').getByText(/she is in none of what is included/i).waitFor();
    await ask('nobody@example.com', 'unknown_address');
    await clean();
    await ask('reader3@example.com', 'sent');
    await page.getByTestId('why').getByRole('link', { name: 'reader3@example.com' }).click();

    // The same of any campaign, asked from her own page.
    await page.getByRole('region', { name: 'Why', exact: true }).getByRole('button').click();
    await page.getByRole('option', { name: 'Autumn collection' }).click();
    await page.locator('[data-testid=why][data-verdict=sent]').getByText('Newsletter').waitFor();
    await clean();
  });

  test('is copied for those who did not open it, which the builder says in words', async () => {
    await visit(`/campaigns/${finished}`);
    await page.getByRole('button', { name: 'Duplicate' }).click();
    const dialog = page.getByRole('dialog', { name: 'Duplicate “Autumn collection”' });
    expect(await dialog.getByRole('radio', { name: /Only failed or in doubt \(0\)/ }).isDisabled()).toBe(true);
    await dialog.getByRole('radio', { name: /Only who did not open \(23\)/ }).check();
    await clean();
    await dialog.getByRole('button', { name: 'Duplicate' }).click();
    await page.waitForURL(/\/campaigns\/[^/]+\/edit/);
    await page.getByRole('link', { name: /Targeting/ }).click();
    await page.getByRole('button', { name: 'Which: Did not open “Autumn collection”' }).waitFor();
    await shows(page.getByTestId('estimate-final'), /^23$/);
    await clean();
    await visit('/campaigns?sort=sent');
    await page.getByRole('columnheader', { name: 'Sent' }).and(page.locator('[aria-sort=ascending]')).waitFor();
    expect(await page.getByRole('row').nth(1).innerText()).toContain('Copy of Autumn collection');
    await page.getByRole('button', { name: 'Sort by Sent' }).click();
    await page.waitForURL(/sort=-sent/);
    await page.getByRole('row').nth(1).getByText('Autumn collection', { exact: true }).waitFor();
    await clean();
  });

  test('closes its books with a certificate, for a file and for paper', async () => {
    await visit(`/campaigns/${finished}/certificate`);
    await page.locator('[data-testid=certificate][data-verdict=balanced]').waitFor({ timeout: 90_000 });
    await page.getByRole('math', { name: 'Resolved 29 = Sent 29 + Failed 0 + Skipped 0 + In doubt 0' }).waitFor();
    await page.getByText('The same people').waitFor();
    await clean();
    const json = await saved(() => page.getByRole('button', { name: 'JSON' }).click());
    expect(JSON.parse(json.bytes.toString())).toMatchObject({ campaign: { name: 'Autumn collection' }, verdict: 'balanced', resolved: 29, events: { sent: 29 } });
    const csv = await saved(() => page.getByRole('button', { name: 'CSV' }).click());
    expect(csv.bytes.toString()).toContain('Resolved,29\r\n');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.getByRole('navigation', { name: 'Main navigation' }).isVisible()).toBe(false);
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
  });

  test('is watched live, paused, slowed down and up again, and resumed where it stopped', async () => {
    const id = await launch('Winter letter', { throttlePerMinute: 10 });
    await visit(`/campaigns/${id}`);
    await standing('running');
    await shows(page.getByTestId('sent'), /^10$/);
    await shows(page.getByTestId('phase'), /The limits of the connection or the throttle allow no more now\. It goes on at \d\d:\d\d/);
    await page.getByTestId('live-panel').getByText('Live', { exact: true }).waitFor();
    await clean();

    await page.getByRole('button', { name: 'Pause' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('10 mails have been sent and stay sent. 19 recipients wait until you resume.').waitFor();
    await clean();
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await standing('paused');
    await page.getByTestId('standing').getByText('Paused by a person').waitFor();
    await shows(page.getByTestId('history').getByRole('listitem'), 'Mara Quill paused it');

    await page.getByRole('button', { name: 'Change the throttle' }).click();
    await dialog.getByLabel('Mails per minute').fill('');
    await dialog.getByRole('button', { name: 'Change' }).click();
    await shows(page.getByTestId('throttle'), 'None');
    await clean();

    await page.getByTestId('standing').getByRole('button', { name: 'Resume' }).click();
    await shows(page.getByTestId('sent'), /^29$/);
    await standing('completed');
    await shows(page.getByTestId('history').getByRole('listitem'), 'Mara Quill resumed it');
    await shows(page.locator('[data-part=pending]'), /^0$/);
  });

  test('says that it reconnects when the stream breaks, and never shows stale numbers as fresh', async () => {
    const id = await launch('Slow letter', { throttlePerMinute: 5 });
    await visit(`/campaigns/${id}`);
    await page.getByTestId('live-panel').getByText('Live', { exact: true }).waitFor();
    await page.context().setOffline(true);
    await page.route('**/live', (route) => route.abort());
    await page.reload({ waitUntil: 'commit' }).catch(() => undefined);
    await page.context().setOffline(false);
    await visit(`/campaigns/${id}`);
    await page.getByText('Reconnecting… numbers may be behind').waitFor();
    await page.unroute('**/live');
    await page.getByTestId('live-panel').getByText('Live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByText(/mails have been sent and stay sent\. \d+ recipients will get nothing\./).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel campaign' }).click();
    await standing('cancelled');
    await page.getByRole('region', { name: 'Not sent' }).getByText('The campaign was cancelled').waitFor();
  });

  test('tests variants, waits for the result, and lets a person pick the winner', async () => {
    const experiment = { subjects: ['Boots for {{first_name}}'], contents: [], fromNames: [], testPercent: 50, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [] };
    const id = await launch('Two subjects', { experiment });
    await expect.poll(async () => (await api<{ phase: string | null }>('GET', `/campaigns/${id}`)).phase, { timeout: 60_000 }).toBe('waiting');
    await read(3);
    await visit(`/campaigns/${id}`);
    const panel = page.getByTestId('experiment');
    await shows(panel.getByTestId('experiment-says'), /The winner is picked at \d\d:\d\d, in 3 h \d+ min by Open Rate\./);
    await panel.getByTestId('chance').nth(1).waitFor();
    expect(await panel.locator('[data-variant]').count()).toBe(2);
    await panel.getByRole('button', { name: 'Show as table: Rates of the variants' }).click();
    await panel.getByRole('columnheader', { name: 'Open Rate, low' }).waitFor();
    await clean();
    await panel.getByRole('button', { name: 'Pick winner B' }).click();
    await page.getByRole('dialog').getByText(/The test ends now\. 14 recipients get variant B/).waitFor();
    await clean();
    await page.getByRole('dialog').getByRole('button', { name: 'Pick winner' }).click();
    await standing('completed');
    await shows(panel.getByTestId('experiment-says'), /Mara Quill picked variant B/);
    await visit(`/campaigns/${id}/report`);
    await page.getByRole('group', { name: 'Breakdown' }).getByRole('button', { name: 'Variants' }).click();
    await page.getByRole('region', { name: 'Variants' }).getByText('Variant B · Winner').waitFor();

    await page.getByRole('button', { name: 'Add a campaign' }).click();
    await page.getByRole('option', { name: 'Autumn collection' }).click();
    await page.getByRole('region', { name: 'Comparison' }).getByRole('link', { name: 'Autumn collection' }).waitFor();
    expect(new URL(page.url()).searchParams.get('compare')).toBe(finished);
    await clean();
  });

  test('is in the dashboard and the reports, against the period before', async () => {
    await visit('/');
    await stat('Sent').filter({ hasText: /^\d\d+/ }).waitFor();
    await page.getByRole('slider', { name: 'Sent, opened and clicked a day' }).waitFor();
    await page.getByRole('group', { name: 'Period' }).getByRole('button', { name: '7 days' }).click();
    await page.waitForURL(/days=7/);
    await clean();
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Reports' }).click();
    await page.getByRole('region', { name: 'Campaigns' }).getByRole('link', { name: 'Autumn collection' }).waitFor();
    await page.getByRole('region', { name: 'Recipient domains' }).getByRole('cell', { name: 'example.com' }).waitFor();
    const csv = await saved(() => page.getByRole('button', { name: 'Download as CSV: Campaigns' }).click());
    expect(csv.bytes.toString().split('\r\n').filter((line) => line.startsWith('Autumn collection,29,'))).toHaveLength(1);
    await page.getByLabel('Range').getByRole('combobox').selectOption('lastMonth');
    await page.waitForURL(/from=/);
    await page.getByText('No campaign was launched in this range.').waitFor();
    await clean();
  });

  test('can be read on a phone, in the dark, without a fault on any page', async () => {
    await page.setViewportSize({ width: 360, height: 780 });
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const path of ['/', '/reports', `/campaigns/${finished}`, ...['recipients', 'report', 'certificate', 'content'].map((tab) => `/campaigns/${finished}/${tab}`)]) {
      await visit(path);
      await page.waitForLoadState('networkidle');
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      expect(await seriousFindings(page), path).toEqual([]);
    }
    expect(faults).toEqual([]);
  });
});
