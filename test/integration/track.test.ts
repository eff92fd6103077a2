import type { Server } from 'node:http';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createTrackRouter } from '../../api/track/index.ts';
import { createTrackingIds, type TrackingKind } from '../../infra/mail/tracking-id.ts';
import { asActivity } from '../support/activity.ts';
import { createLaunchedCampaign, type TestCampaign } from '../support/campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

let organization: TestOrganization;
let campaign: TestCampaign;
let server: Server;
let base: string;
let orgNo: number;

beforeAll(async () => {
  organization = await createTestOrganization();
  campaign = await createLaunchedCampaign(organization, { recipients: 50, port: 1 });
  await asActivity(createCampaignActivities(organization.container).freezeAudience, campaign);
  orgNo = await organization.container.tenants.use(organization.orgId, async ({ org, sql }) => {
    await sql.run("update message set state = 2, ended_at = now() - interval '1 minute' where mail_no = $1", [campaign.mailNo]);
    return org.no;
  });
  server = express().use('/api/track', createTrackRouter(organization.container)).listen(0);
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/api/track`;
}, 60_000);
afterAll(async () => {
  server.close();
  await organization.close();
});

const id = (kind: TrackingKind, ordinal: number, link = 0) => createTrackingIds(organization.container.secrets).mint({ orgNo, mailNo: campaign.mailNo, ordinal }, [{ kind, link }])[0] ?? '';
const sql = <R extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.first<R>(text, values));
const counts = () => sql<Record<string, number>>('select sum(opened)::int as opened, sum(clicked)::int as clicked, sum(unique_opened)::int as uo, sum(unique_clicked)::int as uc, sum(unsubscribed)::int as u from mail_count where mail_no = $1', [campaign.mailNo]);

test('an open is counted once per person and answered with the pixel, as is an unknown id', async () => {
  const answers = await Promise.all([1, 1, 2].map((ordinal) => fetch(`${base}/open/${id('open', ordinal)}`)));
  const unknown = await fetch(`${base}/open/nonsense`);
  for (const answer of [...answers, unknown]) {
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await answer.arrayBuffer()).byteLength).toBe(43);
  }
  expect(await counts()).toMatchObject({ opened: 3, uo: 2 });
});

test('a click goes to the stored destination and counts per link', async () => {
  const first = await fetch(`${base}/click/${id('click', 1, 1)}`, { redirect: 'manual' });
  expect(first.status).toBe(302);
  expect(first.headers.get('location')).toContain('https://shop.example/b?utm_source=');
  expect(first.headers.get('referrer-policy')).toBe('no-referrer');
  expect(first.headers.get('cross-origin-resource-policy')).toBe('cross-origin'); // webmail shows it inside its own page
  await fetch(`${base}/click/${id('click', 1, 1)}`, { redirect: 'manual' });
  await fetch(`${base}/click/${id('click', 2, 1)}`, { redirect: 'manual' });
  expect(await sql('select clicks, unique_clicks from link_count where mail_no = $1 and link_no = 1', [campaign.mailNo])).toEqual({ clicks: 3, unique_clicks: 2 });
  expect(await counts()).toMatchObject({ clicked: 3, uc: 2 });
});

test('an altered id is a page that says so, and leads nowhere', async () => {
  const altered = id('click', 1, 1).replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));
  for (const bad of [altered, id('open', 1), id('click', 1, 99)]) {
    const answer = await fetch(`${base}/click/${bad}`, { redirect: 'manual' });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('location')).toBeNull();
  }
});

test('a HEAD request and an open right after sending are machines and count for nobody', async () => {
  await organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.run('update message set ended_at = now() where mail_no = $1 and ordinal = 7', [campaign.mailNo]));
  const before = await counts();
  await fetch(`${base}/open/${id('open', 6)}`, { method: 'HEAD' });
  await fetch(`${base}/open/${id('open', 7)}`);
  expect(await counts()).toEqual(before);
  expect(await sql("select count(*)::int as n from event where machine and mail_no = $1", [campaign.mailNo])).toEqual({ n: 2 });
});

test('looking at the unsubscribe page changes nothing; the POST unsubscribes once, without login or redirect', async () => {
  const url = `${base}/unsubscribe/${id('unsubscribe', 3)}`;
  const page = await fetch(url);
  expect(await page.text()).toContain('<button');
  const state = () => sql<{ u: boolean; s: number; o: number }>(
    `select c.is_unsubscribed as u, (select count(*)::int from suppression x where x.email_key = c.email_key and reason = 'unsubscribed' and source = 'tracking_link') as s,
            (select count(*)::int from outbox where c.id = any(ids)) as o from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and m.ordinal = 3`, [campaign.mailNo]);
  expect(await state()).toEqual({ u: false, s: 0, o: 0 });
  for (let i = 0; i < 2; i += 1) {
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }), redirect: 'manual' });
    expect(answer.status).toBe(200);
  }
  expect(await state()).toEqual({ u: true, s: 1, o: 1 });
  expect(await counts()).toMatchObject({ u: 1 });
});

test('the link of a test mail changes nothing', async () => {
  const answer = await fetch(`${base}/unsubscribe/${id('testUnsubscribe', 0)}`, { method: 'POST' });
  expect(await answer.text()).toContain('test mail');
});
