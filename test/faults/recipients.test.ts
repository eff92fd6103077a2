import PostalMime from 'postal-mime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery, type Delivery } from '#domain/campaign/delivery.ts';
import { createSuppressionService } from '../../api/modules/suppressions/service.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { compareBuckets } from '../../search/reconcile.ts';
import { liveIndex } from '../../search/versions.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { addConnection, draftCampaign, launch, launchOver, peopleOf, standingOf, untilStanding, untilState } from '../support/fault-campaign.ts';
import { checkCampaign } from '../support/invariants.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { SideBySide } from '../support/side-by-side.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import { Timeline } from '../support/timeline.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const own = { FERMATA_ALLOW_PRIVATE_SMTP: 'true' };
let api: TestApi;
let organization: TestOrganization;
let workers: WorkerProcess[] = [];
beforeAll(async () => {
  api = await startTestApi(own);
  organization = { orgId: api.orgId, container: api.container, close: () => api.close() };
  workers = await Promise.all([startWorker(own), startWorker(own)]);
  for (const [name, scenario] of Object.entries(scenarios)) outcomes.begin(name, scenario());
}, 120_000);
afterAll(async () => {
  await outcomes.ended();
  await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
  await api?.close();
}, 240_000);

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  'unsubscribing and suppressing race with sending: whoever was out before her turn gets nothing': leaveWhileMailGoesOut,
  'one of two connections dies: with `carry_on` the other takes over whom nobody has tried, with `pause` the campaign waits': killOneOfTwoServers,
  'hostile values in the fields of people: every mail is whole, to its recipient alone, and nothing of theirs is a header or a tag': sendHostileValues,
  'an index that takes no writes: mail goes out all the same, and the index follows when it can': refuseIndexWrites,
  'hostile content ends in a state with a name, and keeps nobody else waiting': sendHostileContent,
};
const outcomes = new SideBySide<void>();

test.each(Object.keys(scenarios))('%s', (name) => outcomes.outcomeOf(name), 240_000);

async function leaveWhileMailGoesOut(): Promise<void> {
  const timeline = new Timeline('race');
  const { orgId, container } = organization;
  const sink = await startSmtpSink({ rules: { everybody: 'slow-10' } });
  const everybody = peopleOf({ ok: 1_500 }, 'race');
  const campaign = await launchOver(organization, everybody, { port: sink.port, parallel: 6 });
  await untilStanding(campaign, ({ phase }) => phase === 'sending', 90_000);
  const { orgNo, ordinals } = await container.tenants.use(orgId, async ({ sql, org }) => ({
    orgNo: org.no,
    ordinals: new Map((await sql.rows<{ email: string; ordinal: number }>('select c.email, m.ordinal from message m join customer c on c.id = m.customer_id where m.mail_no = $1', [campaign.mailNo])).map((row) => [row.email, row.ordinal])),
  }));
  const ids = createTrackingIds(container.secrets);
  const suppressions = createSuppressionService(container);
  const outAt = new Map<string, number>();
  const leave = async (email: string) => {
    if (timeline.random() < 0.5) await suppressions.add(orgId, 'manual', { email, reason: 'manual' });
    else {
      const [id] = ids.mint({ orgNo, mailNo: campaign.mailNo, ordinal: ordinals.get(email) ?? 0 }, [{ kind: 'unsubscribe', link: 0 }]);
      const answer = await fetch(`${api.baseUrl}/api/track/unsubscribe/${id}`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'List-Unsubscribe=One-Click' });
      expect(answer.status).toBe(200);
    }
    outAt.set(email, Date.now());
  };
  while ((await standingOf(campaign)).state === 'running') await Promise.all(Array.from({ length: 8 }, () => leave(timeline.pick(everybody))));

  const found = await checkCampaign(campaign, await sink.rows(), { inDoubt: 0, suppressed: outAt });
  timeline.note(`${outAt.size} left, ${JSON.stringify(found.counts)}`);
  expect(found.violations).toEqual([]);
  expect(found.counts.skipped).toBeGreaterThan(20);
  await sink.close();
}

async function killOneOfTwoServers(): Promise<void> {
  const timeline = new Timeline('two connections');
  // Slow enough that neither campaign is over before the other has begun.
  const [living, dying] = await Promise.all([startSmtpSink({ rules: { everybody: 'slow-300' } }), startSmtpSink({ isDurable: true, rules: { everybody: 'slow-300' } })]);
  const connections = await Promise.all([living, dying].map(({ port }) => addConnection(organization, { port, parallel: 6 })));
  const split = (onBreak: Delivery['onBreak']): Delivery => ({ mode: 'split', connections: connections.map((id) => ({ id, percent: 50 })), onBreak, throttlePerMinute: null });
  const [carried, paused] = await Promise.all((['carry_on', 'pause'] as const).map(async (onBreak) => {
    const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 1_200 }, onBreak.replace('_', '')), delivery: split(onBreak) });
    await launch(campaign);
    return campaign;
  }));
  if (carried === undefined || paused === undefined) throw new Error('two campaigns are launched');
  await Promise.all([carried, paused].map((campaign) => untilStanding(campaign, ({ ended }) => ended > 100, 90_000)));
  await dying.kill();
  timeline.note('one server is gone');
  for (const server of [living, dying]) await server.script({ everybody: null });
  await untilState(carried, 'completed', 120_000);
  expect(await untilState(paused, 'paused', 120_000)).toMatchObject({ reason: 'connection_failures' });
  timeline.note(`paused at ${(await standingOf(paused)).ended}`);
  await dying.start();
  await untilState(paused, 'completed', 90_000);
  const rows = [...(await living.rows()), ...(await dying.rows())];
  for (const campaign of [carried, paused]) {
    const found = await checkCampaign(campaign, rows, { inDoubt: 12 });
    timeline.note(`${JSON.stringify(found.counts)}${found.doubts.map((doubt) => `\n  ${doubt}`).join('')}`);
    expect(found.violations).toEqual([]);
  }
  await Promise.all([living.close(), dying.close()]);
}

async function refuseIndexWrites(): Promise<void> {
  const timeline = new Timeline('index');
  // An organization of its own: its index alone is blocked.
  const other = await createTestOrganization({ container: organization.container });
  const { orgId, container } = other;
  const sink = await startSmtpSink();
  const index = await container.tenants.use(orgId, async (tenant) => (await liveIndex(tenant)).index);
  const block = (isBlocked: boolean) => container.elasticsearch.indices.putSettings({ index, settings: { 'index.blocks.read_only_allow_delete': isBlocked ? true : null } });
  await block(true);
  const campaign = await launchOver(other, peopleOf({ ok: 500 }, 'index'), { port: sink.port });
  await untilState(campaign, 'completed', 120_000);
  const waiting = () => container.tenants.use(orgId, async ({ sql }) => (await sql.first<{ waiting: number }>('select count(*)::int as waiting from outbox'))?.waiting ?? 0);
  timeline.note(`${await waiting()} changes wait for the index`);
  expect(await waiting()).toBeGreaterThan(0);
  await block(false);
  await expect.poll(waiting, { timeout: 120_000, interval: 200 }).toBe(0);
  expect((await checkCampaign(campaign, await sink.rows(), { inDoubt: 0 })).violations).toEqual([]);
  await container.elasticsearch.indices.refresh({ index });
  await container.tenants.use(orgId, async (tenant) => {
    expect(await tenant.sql.rows('select * from index_failure')).toEqual([]);
    expect(await compareBuckets(tenant, await liveIndex(tenant))).toEqual([]);
  });
  await expect.poll(() => container.tenants.use(orgId, async ({ sql }) => (await sql.first<{ certificate: unknown }>('select certificate from campaign where id = $1', [campaign.id]))?.certificate), { timeout: 120_000, interval: 500 }).not.toBeNull();
  await sink.close();
}

/** What people write into forms and files, or others into theirs. */
const HOSTILE = [
  'Ada\r\nBcc: evil@example.com', 'Ada\nSubject: hacked\n\nbody', '.\r\n.', '\r\n.\r\nMAIL FROM:<evil@example.com>', '{{ unsubscribe_url }}', '{% for i in (1..100000000) %}x{% endfor %}', '{a|b|{c',
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'; drop table customer; --", '=?utf-8?q?evil?=', 'Äöü ß 日本語 😀', '\u202Egpj.exe', '\u2028\u2029', '\u0007\u0000'.replace('\u0000', ''), 'x'.repeat(20_000),
  'a '.repeat(5_000), '__proto__', 'constructor', '%0d%0aBcc: evil@example.com', '$1 $& $`', '\\', '   ', '.hidden', '..', 'From here', '--boundary', '=3D=\r\n',
];

async function sendHostileValues(): Promise<void> {
  const sink = await startSmtpSink({ keepsMessages: true });
  const { orgId, container } = organization;
  const everybody = HOSTILE.map((_, i) => `ok.hostile${i}@example.com`);
  const connectionId = await addConnection(organization, { port: sink.port, parallel: 4 });
  const campaign = await draftCampaign(organization, {
    people: everybody, delivery: singleDelivery(connectionId), subject: 'Hello {{ first_name | default: "you" }}!',
    html: '<html><body><p title="{{ first_name }}">{{ first_name }}</p><a href="https://shop.example/?n={{ first_name }}">A</a> <a href="{{ unsubscribe_url }}">Leave</a></body></html>',
    text: '{{ first_name }}\n.{{ last_name }}\n{{ unsubscribe_url }}',
  });
  await container.tenants.use(orgId, ({ sql }) => sql.run('update customer c set first_name = u.value, last_name = u.value from unnest($1::text[], $2::text[]) u(email, value) where c.email = u.email', [everybody, HOSTILE]));
  await launch(campaign);
  await untilState(campaign, 'completed', 120_000);
  const rows = await sink.rows();
  const found = await checkCampaign(campaign, rows, { inDoubt: 0 });
  expect(found.violations).toEqual([]);
  expect(found.counts.sent).toBe(HOSTILE.length);
  const headers = new Set<string>();
  for (const [place, row] of rows.entries()) {
    const raw = (await sink.message(place)).toString('latin1').replaceAll('\r\n..', '\r\n.');
    const mail = await PostalMime.parse(Buffer.from(raw, 'latin1'));
    const value = HOSTILE[Number(/hostile(\d+)/.exec(row.recipient)?.[1])];
    expect(mail.to?.map((to) => to.address), value).toEqual([row.recipient]);
    expect(mail.cc ?? mail.bcc, value).toBeUndefined();
    expect(mail.subject, value).toMatch(/^Hello [^\r\n]*!$/);
    expect(Math.max(...raw.split('\r\n').map((line) => line.length)), value).toBeLessThanOrEqual(998);
    expect(raw, value).not.toMatch(/[^\r]\n|\r[^\n]/);
    expect(mail.html, value).not.toMatch(/<script|<img src=x|onerror=alert\(1\)>/);
    expect(mail.html, value).toMatch(/<\/body>\s*<\/html>\s*$/);
    headers.add(mail.headers.map(({ key }) => key).sort().join(' '));
  }
  expect(headers.size, 'every mail has the same headers').toBe(1);
  await sink.close();
}

const BROKEN = [
  '{{ first_name | evil }}', '{% if first_name %}', '{{', '{% endif %}', `${'{% if first_name %}'.repeat(3_000)}x${'{% endif %}'.repeat(3_000)}`, `${'{a|'.repeat(2_000)}b${'}'.repeat(2_000)}`, `{${'x|'.repeat(200_000)}y}`,
  '{% include "/etc/passwd" %}', '{{ first_name.constructor.constructor("return process")() }}', '{{ "a" | append: first_name | replace: "a", "aaaaaaaaaa" }}', `<a href="javascript:alert(1)">x</a>`, 'x'.repeat(1_000_000), '{% assign x = first_name %}{{ x }}',
];

async function sendHostileContent(): Promise<void> {
  const timeline = new Timeline('content');
  const sink = await startSmtpSink();
  const connectionId = await addConnection(organization, { port: sink.port, parallel: 4 });
  const campaigns = await Promise.all(BROKEN.map((broken, i) =>
    draftCampaign(organization, { people: peopleOf({ ok: 5 }, `broken${i}`), delivery: singleDelivery(connectionId), html: `<html><body>${broken} <a href="{{ unsubscribe_url }}">Leave</a></body></html>` })));
  await Promise.all(campaigns.map(launch));
  const healthy = await launchOver(organization, peopleOf({ ok: 200 }, 'healthy'), { port: sink.port, parallel: 4 });
  const startedAt = Date.now();
  await untilState(healthy, 'completed', 120_000);
  timeline.note(`a healthy campaign was completed ${Date.now() - startedAt} ms later`);
  for (const [i, campaign] of campaigns.entries()) {
    const { state, reason } = await untilStanding(campaign, (standing) => standing.state === 'completed' || standing.state === 'failed', 60_000);
    const rows = (await sink.rows()).filter((row) => row.sender === campaign.sender);
    timeline.note(`${BROKEN[i]?.slice(0, 60)}: ${state} ${reason ?? ''}, ${rows.length} mails`);
    if (state === 'failed') expect(rows).toEqual([]);
    else expect((await checkCampaign(campaign, rows, { inDoubt: 0 })).violations).toEqual([]);
  }
  await sink.close();
}
