import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { simpleParser } from 'mailparser';
import { readConfig } from '../config.ts';
import { createContainer } from '../container.ts';
import { demoCsv, demoHtml, demoText, seeded } from './seed-content.ts';
import { demoJourney } from './seed-journey-content.ts';
import { writeJourneyHistory } from './seed-journey-history.ts';

/**
 * Fills a fresh installation with a living demo, through the REST API: an owner, an admin and a member, 10,000 customers in
 * three lists, segments, suppressions, and campaigns in every state: finished ones whose mails went through the catcher and
 * were opened and clicked, one of them an A/B test, one that runs throttled, one scheduled by each recipient's clock, one
 * paused, one cancelled, a draft. Of two journeys one is a draft, one was published four weeks ago: its past, which no API
 * takes, is written into the tables. Does nothing when somebody has set the installation up already.
 */

const CUSTOMERS = 10_000;
/** Opens sooner than 2 s after sending count as machines. */
const HUMAN_DELAY_MS = 2_500;
const OPEN_SHARE = 0.42;
const CLICK_SHARE = 0.18;
/** Who came into the journey in the past, and who comes in now and is mailed. */
const JOURNEY_PEOPLE = { before: 1_500, now: 12 };
const JOURNEY_DAYS = 28;

const config = readConfig();
const base = config.FERMATA_BASE_URL.replace(/\/$/, '');
let cookie = '';

async function api<T>(method: string, path: string, body?: unknown, type = 'application/json'): Promise<T> {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { cookie, 'x-requested-by': 'fermata', ...(body === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const set = response.headers.getSetCookie().map((each) => each.split(';')[0]);
  if (set.length > 0) cookie = set.join('; ');
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** A request of somebody who is not logged in: what it answers changes nothing for the owner. */
async function asStranger(path: string, body: object): Promise<void> {
  const response = await fetch(`${base}/api/v1${path}`, { method: 'POST', headers: { 'x-requested-by': 'fermata', 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
}

async function until(what: string, done: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`${what} did not finish within ${timeoutMs / 1000} s`);
    await sleep(500);
  }
}

async function upload(list: string, csv: string): Promise<void> {
  const { id } = await api<{ id: string }>('POST', `/imports?fileName=${encodeURIComponent(`${list.toLowerCase()}.csv`)}&listName=${encodeURIComponent(list)}&start=true`, csv, 'text/csv');
  await until(`The upload into ${list}`, async () => {
    const { state, problem } = await api<{ state: string; problem: string | null }>('GET', `/imports/${id}`);
    if (state === 'failed') throw new Error(`the upload into ${list} failed: ${problem}`);
    return state === 'completed';
  }, 120_000);
}

/**
 * Follows links and pixels of mails the catcher holds, as their readers would.
 * @param opens share of a subject's readers who open
 */
async function read(orgId: string, opens: (subject: string) => number): Promise<{ opened: number; clicked: number }> {
  const container = await createContainer('seed', config);
  try {
    const mails = await container.tenants.use(orgId, ({ sql }) => sql.rows<{ source: Buffer; subject: string }>('select source, subject from caught_mail order by id'));
    const openers = mails.filter(({ subject }, i) => seeded(i, 1) < opens(subject));
    let clicked = 0;
    for (let from = 0; from < openers.length; from += 40) {
      await Promise.all(openers.slice(from, from + 40).map(async ({ source }, i) => {
        const html = String((await simpleParser(source)).html);
        const pixel = /https?:[^"]+\/api\/track\/open\/[^"]+/.exec(html)?.[0];
        const links = [...html.matchAll(/https?:[^"]+\/api\/track\/click\/[^"]+/g)].map((match) => match[0]);
        if (pixel !== undefined) await (await fetch(pixel, { headers: reader })).arrayBuffer();
        const link = links[Math.floor(seeded(from + i, 3) * links.length)];
        if (link !== undefined && seeded(from + i, 2) < CLICK_SHARE / OPEN_SHARE) {
          await fetch(link, { redirect: 'manual', headers: reader });
          clicked += 1;
        }
      }));
    }
    return { opened: openers.length, clicked };
  } finally {
    await container.close();
  }
}

const reader = { 'user-agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15' };

/** A journey whose past is four weeks long and that goes on, and a draft. */
async function seedJourneys(orgId: string, club: string, connection: string): Promise<void> {
  const { id: list } = await api<{ id: string }>('POST', '/lists', { name: 'First cup', description: 'Signed up in one of the cafés' });
  const guests = (from: number, count: number) => Array.from({ length: count }, (_, i) => `customer${2_000 + from + i}@shop.example`);
  const join = (emails: readonly string[]) => api('POST', `/lists/${list}/members`, { emails });
  const emails = guests(0, JOURNEY_PEOPLE.before);
  await join(emails);
  const { id, draft } = await api<{ id: string; draft: { version: number } }>('POST', '/journeys', { name: 'Welcome aboard' });
  const { version } = await api<{ version: number }>('PUT', `/journeys/${id}/draft`, { version: draft.version, graph: demoJourney({ list, club, connection }) });
  await api('POST', `/journeys/${id}/publish`, { draftVersion: version, note: 'For everybody who signs up in a café' });
  const container = await createContainer('seed', config);
  try {
    await writeJourneyHistory(container, { orgId, journeyId: id, listId: list, days: JOURNEY_DAYS, emails });
  } finally {
    await container.close();
  }
  await join(guests(emails.length, JOURNEY_PEOPLE.now));
  await api('POST', '/journeys', { name: 'Win back quiet customers', ready: 'win-back' });
}

async function seed(): Promise<void> {
  const { needed } = await api<{ needed: boolean }>('GET', '/setup');
  if (!needed) {
    console.log('The demo was not loaded: this installation is already set up.');
    return;
  }
  const login = { email: 'demo@fermata.example', password: randomBytes(9).toString('base64url') };
  console.log('Demo: setting up the organization…');
  const { organization } = await api<{ organization: { id: string } }>('POST', '/setup', {
    name: 'Dana Demo', ...login, organizationName: 'Harbour Coffee', timezone: 'Europe/London',
  });
  writeFileSync(resolve(config.FERMATA_STATE_DIR, 'demo-login.txt'), `${login.email}\n${login.password}\n`, { mode: 0o600 });
  await until('Setting up the organization', async () => (await api<{ state: string }>('GET', '/organization')).state === 'active', 60_000);

  console.log(`Demo: uploading ${CUSTOMERS.toLocaleString('en')} customers…`);
  await upload('Newsletter', demoCsv(0, CUSTOMERS));
  await upload('Tasting club', demoCsv(0, 1_200));
  await api('POST', '/segments', { name: 'Londoners', description: 'For shop openings', rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'London' }] } });
  await api('POST', '/segments', {
    name: 'Premium, outside Britain',
    rule: { op: 'and', parts: [{ field: 'custom.plan_type', operator: 'equals', value: 'premium' }, { field: 'country', operator: 'not_equals', value: 'GB' }] },
  });

  const { data: lists } = await api<{ data: { id: string; name: string }[] }>('GET', '/lists');
  const { data: connections } = await api<{ data: { id: string }[] }>('GET', '/connections');
  const newsletter = lists.find((list) => list.name === 'Newsletter');
  const club = lists.find((list) => list.name === 'Tasting club');
  const delivery = (throttlePerMinute: number | null = null) => ({ mode: 'single', connections: [{ id: connections[0]?.id, percent: 100 }], throttlePerMinute });
  const draft = async (name: string, subject: string, listId = newsletter?.id, edit: object = {}) => {
    const { id, version } = await api<{ id: string; version: number }>('POST', '/campaigns', { name });
    await api('PATCH', `/campaigns/${id}`, {
      version, subject, preheader: 'Beans from three new farms', fromName: 'Harbour Coffee', fromEmail: 'hello@harbour.example',
      html: demoHtml, text: demoText, delivery: delivery(), targets: [{ kind: 'list', id: listId, mode: 'include' }], ...edit,
    });
    return id;
  };
  const launch = async (id: string) => {
    await api('POST', `/campaigns/${id}/launch`, { acknowledgeWarnings: true });
    return id;
  };
  const reaches = (id: string, what: string, wanted: { state?: string; phase?: string; sent?: number }) => until(what, async () => {
    const { state, phase, progress } = await api<{ state: string; phase: string | null; progress: { sent: number } }>('GET', `/campaigns/${id}`);
    return (wanted.state ?? state) === state && (wanted.phase ?? phase) === phase && progress.sent >= (wanted.sent ?? 0);
  }, 180_000);

  for (const [role, name] of [['admin', 'Amir Admin'], ['member', 'Mia Member']] as const) {
    const email = `${role}@fermata.example`;
    const { id } = await api<{ id: string }>('POST', '/invitations', { email, role });
    await asStranger('/invitations/accept', { token: id, name, password: login.password });
  }
  for (const [i, reason] of (['manual', 'hard_bounce', 'complaint', 'unsubscribed'] as const).entries()) {
    await api('POST', '/suppressions', { email: `customer${9_000 + i}@shop.example`, reason, note: 'Part of the demo' });
  }

  console.log('Demo: sending campaigns to the mail catcher…');
  const roast = await launch(await draft('November roast', 'The November roast is here, {{first_name | default: "coffee lover"}}'));
  await reaches(roast, 'The campaign', { state: 'completed' });
  const test = await launch(await draft('Two subjects for the club', 'Your tasting club box', club?.id, { experiment: { subjects: ['A box of three secrets'], testPercent: 40, durationHours: 4, winnerBy: 'open_rate' } }));
  await reaches(test, 'The A/B test', { phase: 'waiting' });
  await sleep(HUMAN_DELAY_MS);
  console.log('Demo: reading the mails…');
  const { opened, clicked } = await read(organization.id, (subject) => (subject.includes('secrets') ? OPEN_SHARE * 1.4 : OPEN_SHARE));
  await api('POST', `/campaigns/${test}/winner`, { variant: 'B' });
  await reaches(test, 'The A/B test', { state: 'completed' });

  console.log('Demo: four weeks of a journey…');
  await seedJourneys(organization.id, club?.id ?? '', connections[0]?.id ?? '');

  const slow = { delivery: delivery(60) };
  const paused = await launch(await draft('Harbour café opens late', 'Open until ten on Thursdays', newsletter?.id, slow));
  const cancelled = await launch(await draft('Easter blend', 'The Easter blend is back', newsletter?.id, slow));
  for (const id of [paused, cancelled]) await reaches(id, 'The first mails', { sent: 20 });
  await api('POST', `/campaigns/${paused}/pause`);
  await api('POST', `/campaigns/${cancelled}/cancel`);
  const newYear = await draft('Happy New Year', 'A quiet start into the year');
  await api('POST', `/campaigns/${newYear}/schedule`, { at: `${new Date().getUTCFullYear() + 1}-01-01T09:00`, zone: 'recipient', acknowledgeWarnings: true });
  await draft('Advent calendar', '24 coffees, one a day');
  await launch(await draft('Holiday hours', 'When we are open over the holidays', newsletter?.id, slow));

  console.log(`Demo: ready. ${opened.toLocaleString('en')} mails opened, ${clicked.toLocaleString('en')} links clicked.`);
  console.log(`Demo: admin@fermata.example and member@fermata.example have the same password.`);
  console.log(`Demo: log in at ${base}/login with ${login.email} and ${login.password}`);
}

await seed();
