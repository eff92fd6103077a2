import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addConnection, command, draftCampaign, launch, peopleOf, standingOf, untilStanding, untilState, type ConnectionSetup, type FaultCampaign } from '../support/fault-campaign.ts';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { checkCampaign, type Findings } from '../support/invariants.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { SideBySide } from '../support/side-by-side.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import type { SinkRules } from '../support/smtp-sink-script.ts';
import { Timeline } from '../support/timeline.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** Sessions of a campaign here: what a server that dies can leave in doubt. */
const SESSIONS = 8;

interface Scene {
  readonly campaign: FaultCampaign;
  readonly connectionId: string;
  readonly sink: SmtpSink;
  readonly note: (line: string) => void;
}

/** One way of a mail server to misbehave, and what must come of it. */
interface Row {
  readonly name: string;
  readonly people: Readonly<Record<string, number>>;
  readonly rules?: Partial<SinkRules>;
  readonly connection?: Partial<ConnectionSetup>;
  /** The server is away when the campaign is launched. */
  readonly isAway?: boolean;
  /** What happens after the launch; it ends with the campaign. */
  readonly play?: (scene: Scene) => Promise<void>;
  readonly inDoubt?: number;
  readonly expected: { readonly sent?: number; readonly failed?: number; readonly inDoubt?: number; readonly reasons?: Readonly<Record<string, number>>; readonly attempts?: number };
}

/** Waits until the campaign paused itself, looks that nobody was blamed, and mends the server. */
const breakOpens = (reason: string, repair: (scene: Scene) => Promise<void>, failedAtMost = 0) => async (scene: Scene) => {
  const standing = await untilStanding(scene.campaign, ({ state }) => state !== 'running', 120_000);
  scene.note(`paused: ${standing.reason}, ${standing.ended} of ${scene.campaign.people.length} ended`);
  expect(standing).toMatchObject({ state: 'paused', reason });
  expect(standing.ended).toBeLessThanOrEqual(failedAtMost);
  await repair(scene);
};

const refuses = (sink: SmtpSink, count: number) => expect.poll(async () => (await sink.counts()).refused, { timeout: 60_000, interval: 50 }).toBeGreaterThanOrEqual(count);

const rows: readonly Row[] = [
  ...[true, false].map((pipelining): Row => ({
    name: `every answer, PIPELINING ${pipelining ? 'on' : 'off'}`,
    people: { ok: 60, rcpt550: 10, full: 5, vague: 5, policy: 3, dot550: 5, dot552: 3, dot554: 3, 'slow-200': 6, idleclose: 10 },
    rules: { pipelining },
    expected: { sent: 76, failed: 34, inDoubt: 0, reasons: { hard_bounce: 10, temporary: 5, blocked: 13, content: 6 }, attempts: 1 },
  })),
  { name: 'FIN and RST after the dot', people: { ok: 95, 'dotdrop-fin': 3, 'dotdrop-rst': 2 }, inDoubt: 5, expected: { sent: 95, inDoubt: 5 } },
  {
    name: 'silence after the dot, until the server dies', people: { ok: 60, dothang: 4 }, inDoubt: 4, expected: { sent: 60, inDoubt: 4 },
    play: async ({ campaign, sink }) => {
      await untilStanding(campaign, ({ ended }) => ended === 60, 90_000);
      await sink.kill();
      await sink.start();
    },
  },
  {
    name: 'closing before 354', people: { ok: 60 }, rules: { everybody: 'data354drop' }, expected: { sent: 60, inDoubt: 0, attempts: 1 },
    play: async ({ sink }) => {
      await sleep(2_000);
      await sink.script({ everybody: null });
    },
  },
  {
    name: 'one message that closes every session before 354 waits for its retry and keeps nobody from theirs', people: { ok: 40, data354drop: 1 }, expected: { sent: 40, inDoubt: 0 },
    play: async ({ campaign, note }) => {
      const standing = await untilStanding(campaign, ({ phase }) => phase === 'retrying', 90_000);
      note(JSON.stringify(standing));
      expect(standing).toMatchObject({ state: 'running', ended: 40 });
      await command(campaign, 'cancel');
    },
  },
  {
    name: 'sessions closed while idle', people: { ok: 60, 'slow-30': 20 }, rules: { idleCloseMs: 5 }, inDoubt: 20, expected: {},
    // On a machine with other work nobody says the next word within 5 ms.
    play: ({ campaign, sink }) => untilState(campaign, 'completed', 20_000).then(() => undefined, () => sink.script({ idleCloseMs: 0 })),
  },
  {
    name: 'no greeting', people: { ok: 60 }, rules: { greeting: 'hang' }, expected: { sent: 60, inDoubt: 0, attempts: 1 },
    play: async ({ sink }) => {
      await sleep(2_000);
      await sink.script({ greeting: 'ok' });
    },
  },
  {
    name: 'silence at MAIL, until the server dies', people: { ok: 60 }, rules: { sender: 'hang' }, expected: { sent: 60, inDoubt: 0, attempts: 1 },
    play: async ({ sink }) => {
      await sleep(2_000);
      await sink.kill();
      await sink.script({ sender: 'ok' });
      await sink.start();
    },
  },
  {
    name: 'a storm of 451', people: { ok: 30 }, rules: { everybody: 'dot451' }, expected: { sent: 30, inDoubt: 0, attempts: 2 },
    play: async ({ campaign, sink }) => {
      await refuses(sink, 30);
      expect((await standingOf(campaign)).state).toBe('running');
      await sink.script({ everybody: null });
    },
  },
  ...(['rcpt421', 'dot454'] as const).map((everybody): Row => ({
    name: `a storm of ${everybody}: the server is busy, nobody's attempts are used`, people: { ok: 30 }, rules: { everybody }, expected: { sent: 30, inDoubt: 0, attempts: 1 },
    play: async ({ sink }) => {
      await refuses(sink, 3);
      await sleep(2_000);
      await sink.script({ everybody: null });
    },
  })),
  {
    name: 'a storm of 5.7.x', people: { ok: 400 }, rules: { everybody: 'policy' }, expected: { inDoubt: 0 },
    play: breakOpens('policy_refusals', async (scene) => {
      await scene.sink.script({ everybody: null });
      await command(scene.campaign, 'resume');
    }, 150),
  },
  {
    name: 'sender refused', people: { ok: 60 }, rules: { sender: '550' }, expected: { sent: 60, inDoubt: 0, attempts: 1 },
    play: breakOpens('sender_refused', async (scene) => {
      await scene.sink.script({ sender: 'ok' });
      await command(scene.campaign, 'resume');
    }),
  },
  {
    name: 'login refused', people: { ok: 60 }, rules: { login: 'refuse', passwords: ['right'] }, connection: { password: 'right' }, expected: { sent: 60, inDoubt: 0, attempts: 1 },
    play: breakOpens('login_refused', async (scene) => {
      expect((await scene.sink.counts()).refusedLogins, 'no storm of logins').toBeLessThanOrEqual(SESSIONS);
      await scene.sink.script({ login: 'ok' });
      await command(scene.campaign, 'resume');
    }),
  },
  {
    name: 'nobody listens; sending goes on by itself within 60 s of the repair', people: { ok: 60 }, isAway: true, expected: { sent: 60, inDoubt: 0, attempts: 1 },
    play: breakOpens('connection_failures', async ({ campaign, sink, note }) => {
      await sink.start();
      const repairedAt = Date.now();
      await untilState(campaign, 'completed', 60_000);
      note(`completed ${Date.now() - repairedAt} ms after the repair`);
    }),
  },
  {
    name: 'no STARTTLS where it is wanted', people: { ok: 20 }, connection: { secure: 'starttls' }, expected: { sent: 20, inDoubt: 0, attempts: 1 },
    play: breakOpens('connection_failures', async (scene) => {
      const { orgId, container } = scene.campaign.organization;
      await container.tenants.use(orgId, ({ sql }) => sql.run(`update connection set settings = settings || '{"secure": "none"}', version = version + 1 where id = $1`, [scene.connectionId]));
      await command(scene.campaign, 'resume');
    }),
  },
  { name: 'messages over the size it takes', people: { ok: 30 }, rules: { sizeBytes: 600 }, expected: { failed: 30, reasons: { content: 30 } } },
  {
    name: 'kill -9 of the server in the middle', people: { ok: 1_500, 'slow-5': 300 }, inDoubt: SESSIONS, expected: {},
    play: async ({ campaign, sink, note }) => {
      const { ended } = await untilStanding(campaign, (standing) => standing.ended > 300, 90_000);
      note(`killed after ${ended}`);
      await sink.kill();
      await sleep(1_000);
      await sink.start();
    },
  },
  {
    name: 'the server stands still for 3 s', people: { ok: 1_000, 'slow-5': 200 }, expected: { sent: 1_200, inDoubt: 0 },
    play: async ({ campaign, sink }) => {
      await untilStanding(campaign, (standing) => standing.ended > 200, 90_000);
      sink.suspend();
      await sleep(3_000);
      sink.resume();
    },
  },
];

const WORKERS = 2;
let workers: WorkerProcess[] = [];
let organization: TestOrganization;
const outcomes = new SideBySide<Findings & { readonly reasons: Readonly<Record<string, number>>; readonly attempts: number }>();

beforeAll(async () => {
  organization = await createTestOrganization();
  workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' })));
  // All at once: most of them wait for a server.
  for (const [i, row] of rows.entries()) outcomes.begin(row.name, perform(row, i));
}, 120_000);
afterAll(async () => {
  await outcomes.ended();
  await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
  await organization?.close();
}, 240_000);

async function perform(row: Row, place: number) {
  const timeline = new Timeline(row.name);
  const sink = await startSmtpSink({ isDurable: true, ...(row.rules === undefined ? {} : { rules: row.rules }) });
  try {
    if (row.isAway === true) await sink.kill();
    const connectionId = await addConnection(organization, { port: sink.port, parallel: SESSIONS, ...row.connection });
    const campaign = await draftCampaign(organization, { people: peopleOf(row.people, `r${place}n`), delivery: singleDelivery(connectionId) });
    await launch(campaign);
    await row.play?.({ campaign, connectionId, sink, note: (line) => timeline.note(line) });
    await untilStanding(campaign, ({ state, phase }) => state === 'completed' || (state === 'cancelled' && phase === null), 150_000);
    const findings = await checkCampaign(campaign, await sink.rows(), { inDoubt: row.inDoubt ?? 0 });
    timeline.note(`completed: ${JSON.stringify(findings.counts)}, ${findings.taken} at the server${findings.doubts.map((doubt) => `\n  ${doubt}`).join('')}`);
    const { orgId, container } = organization;
    return container.tenants.use(orgId, async ({ sql }) => ({
      ...findings,
      reasons: Object.fromEntries((await sql.rows<{ reason: string; count: number }>('select reason, count(*)::int as count from message where mail_no = $1 and state = 3 group by 1', [campaign.mailNo])).map((each) => [each.reason, each.count])),
      attempts: (await sql.first<{ most: number }>('select max(attempt)::int as most from message where mail_no = $1', [campaign.mailNo]))?.most ?? 0,
    }));
  } finally {
    await sink.close();
  }
}

test.each(rows)('$name', async ({ name, expected }) => {
  const found = await outcomes.outcomeOf(name);
  expect(found.violations).toEqual([]);
  if (expected.sent !== undefined) expect(found.counts.sent).toBe(expected.sent);
  if (expected.failed !== undefined) expect(found.counts.failed).toBe(expected.failed);
  if (expected.inDoubt !== undefined) expect(found.counts.in_doubt).toBe(expected.inDoubt);
  if (expected.reasons !== undefined) expect(found.reasons).toEqual(expected.reasons);
  if (expected.attempts !== undefined) expect(found.attempts).toBe(expected.attempts);
}, 240_000);
