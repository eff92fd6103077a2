import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { simpleParser } from 'mailparser';
import { readConfig } from '../config.ts';
import { createContainer } from '../container.ts';
import { demoCsv, demoHtml, demoText } from './seed-content.ts';

/**
 * Fills a fresh installation with a living demo, through the REST API alone: an owner, 10,000 customers in two lists,
 * segments, a finished campaign whose mails went through the catcher and were opened and clicked, and a draft.
 * Does nothing when somebody has set the installation up already.
 */

const CUSTOMERS = 10_000;
/** Opens sooner than 2 s after sending count as machines. */
const HUMAN_DELAY_MS = 2_500;
const OPEN_SHARE = 0.42;
const CLICK_SHARE = 0.18;

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

/** Follows links and pixels of the mails the catcher holds, as their readers would. */
async function read(orgId: string): Promise<{ opened: number; clicked: number }> {
  const container = await createContainer('seed', config);
  try {
    const mails = await container.tenants.use(orgId, ({ sql }) => sql.rows<{ source: Buffer }>('select source from caught_mail order by id'));
    const openers = mails.filter((_, i) => seeded(i, 1) < OPEN_SHARE);
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

/** A number in [0, 1) that is the same at every run. */
function seeded(index: number, salt: number): number {
  const x = Math.sin(index * 12.9898 + salt * 78.233) * 43_758.5453;
  return x - Math.floor(x);
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
  const draft = async (name: string, subject: string) => {
    const { id, version } = await api<{ id: string; version: number }>('POST', '/campaigns', { name });
    await api('PATCH', `/campaigns/${id}`, {
      version, subject, preheader: 'Beans from three new farms', fromName: 'Harbour Coffee', fromEmail: 'hello@harbour.example',
      html: demoHtml, text: demoText, delivery: { mode: 'single', connections: [{ id: connections[0]?.id, percent: 100 }] }, targets: [{ kind: 'list', id: newsletter?.id, mode: 'include' }],
    });
    return id;
  };
  const launched = await draft('November roast', 'The November roast is here, {{first_name | default: "coffee lover"}}');
  await draft('Advent calendar', '24 coffees, one a day');

  console.log('Demo: sending a campaign to the mail catcher…');
  await api('POST', `/campaigns/${launched}/launch`, { acknowledgeWarnings: true });
  await until('The campaign', async () => (await api<{ state: string }>('GET', `/campaigns/${launched}`)).state === 'completed', 180_000);
  await sleep(HUMAN_DELAY_MS);
  console.log('Demo: reading the mails…');
  const { opened, clicked } = await read(organization.id);
  console.log(`Demo: ready. ${opened.toLocaleString('en')} mails opened, ${clicked.toLocaleString('en')} links clicked.`);
  console.log(`Demo: log in at ${base}/login with ${login.email} and ${login.password}`);
}

await seed();
