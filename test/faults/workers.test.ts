import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { createConnectionService } from '../../api/modules/connections/service.ts';
import { createGateway } from '../../infra/temporal/gateway.ts';
import { addConnection, draftCampaign, launch, launchOver, peopleOf, standingOf, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { checkCampaign } from '../support/invariants.ts';
import { createNamespace } from '../support/namespace.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { ownPlace } from '../support/own-place.ts';
import { startProxy } from '../support/proxy.ts';
import { SideBySide } from '../support/side-by-side.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { longMinutes, Timeline } from '../support/timeline.ts';
import { startWorker, startWorkerLoggingTo, type WorkerProcess } from '../support/worker-process.ts';

/** Sessions of one worker process at most: what its death can leave in doubt. */
const SESSIONS = 12;
/** Longer than a worker may be silent before its range goes to another. */
const LONGER_THAN_A_LEASE_MS = 13_000;
const [PEOPLE, KILLS] = longMinutes > 0 ? [100_000, 20] : [4_000, 2];

const skewed = (ms: number) => ({ NODE_OPTIONS: `--import=${new URL('../support/skewed-clock.ts', import.meta.url).href}`, FERMATA_TEST_SKEW_MS: String(ms) });

/** Two workers of an installation of their own, and the server they send to: 24 sessions, so that a campaign of seconds can be hit in its middle. */
class Rig {
  readonly place: Readonly<Record<string, string>>;
  readonly organization: TestOrganization;
  readonly sink: SmtpSink;
  workers: WorkerProcess[] = [];
  #labels = 0;

  constructor(place: Readonly<Record<string, string>>, organization: TestOrganization, sink: SmtpSink) {
    this.place = place;
    this.organization = organization;
    this.sink = sink;
  }

  static async start(): Promise<Rig> {
    const place = { ...(await ownPlace()), FERMATA_ALLOW_PRIVATE_SMTP: 'true', FERMATA_SEND_CONNECTIONS: String(SESSIONS) };
    const [organization, sink] = await Promise.all([createTestOrganization({ config: place }), startSmtpSink({ isDurable: true })]);
    const rig = new Rig(place, organization, sink);
    rig.workers = [await rig.worker(), await rig.worker()];
    return rig;
  }

  worker(env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
    return startWorker({ ...this.place, ...env });
  }

  /** Every worker ends in peace, and others begin. */
  async replace(...others: readonly Promise<WorkerProcess>[]): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill('SIGTERM')));
    this.workers = await Promise.all(others);
  }

  people(count: number): string[] {
    return peopleOf({ ok: count }, `w${(this.#labels += 1)}n`);
  }

  /** A launched campaign, its mails answered after a while each. */
  async campaign(count: number, answerMs = 20): Promise<FaultCampaign> {
    await this.sink.script({ everybody: `slow-${answerMs}` });
    return launchOver(this.organization, this.people(count), { port: this.sink.port, parallel: 2 * SESSIONS });
  }

  async expectSound(campaign: FaultCampaign, inDoubt: number, timeline: Timeline): Promise<void> {
    await untilState(campaign, 'completed', longMinutes > 0 ? 300_000 : 90_000);
    const found = await checkCampaign(campaign, await this.sink.rows(), { inDoubt });
    timeline.note(`completed: ${JSON.stringify(found.counts)}, ${found.taken} at the server${found.doubts.map((doubt) => `\n  ${doubt}`).join('')}`);
    expect(found.violations).toEqual([]);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill('SIGTERM')));
    await this.sink.close();
    await this.organization.close();
  }
}

const reaches = (campaign: FaultCampaign, ended: number) => untilStanding(campaign, (standing) => standing.ended >= ended, 60_000);

/** Each group has a rig, in which its scenarios follow each other; the groups go on side by side. */
const groups: readonly Readonly<Record<string, (rig: Rig, timeline: Timeline) => Promise<void>>>[] = [
  {
    [`kill -9 of a worker, ${KILLS} times in ${PEOPLE} mails: nobody lost, nobody twice, doubts only of its open sessions`]: async (rig, timeline) => {
      const campaign = await rig.campaign(PEOPLE);
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await reaches(campaign, Math.floor((PEOPLE * (kill - timeline.random() / 2)) / (KILLS + 1)));
        await rig.workers.shift()?.kill('SIGKILL');
        const { ended } = await standingOf(campaign);
        timeline.note(`killed a worker after ${ended} mails`);
        rig.workers.push(await rig.worker());
        await reaches(campaign, ended + 1);
      }
      await rig.expectSound(campaign, KILLS * SESSIONS, timeline);
    },

    'SIGTERM while mail goes out, both workers in turn: they finish what they began, nobody is in doubt': async (rig, timeline) => {
      const campaign = await rig.campaign(4_000);
      for (const goal of [500, 1_500]) {
        await reaches(campaign, goal);
        const [, next] = await Promise.all([rig.workers.shift()?.kill('SIGTERM'), rig.worker()]);
        rig.workers.push(next);
        timeline.note(`a worker was replaced at ${(await standingOf(campaign)).ended} mails`);
      }
      await rig.expectSound(campaign, 0, timeline);
    },

    'the password of a connection is changed in the middle, then the old one is revoked: mail goes on, no storm of logins': async (rig, timeline) => {
      const locked = await startSmtpSink({ rules: { everybody: 'slow-20', passwords: ['old', 'new'] } });
      const { orgId, container } = rig.organization;
      const connectionId = await addConnection(rig.organization, { port: locked.port, parallel: 2 * SESSIONS, password: 'old' });
      const campaign = await draftCampaign(rig.organization, { people: rig.people(9_000), delivery: singleDelivery(connectionId) });
      await launch(campaign);
      await reaches(campaign, 300);
      await createConnectionService(container).edit(orgId, connectionId, { password: 'new' });
      timeline.note('the password was changed');
      // A change of a connection holds in 5 s (product.md 6.4 for its limits).
      await sleep(5_000);
      await locked.script({ passwords: ['new'] });
      timeline.note(`the old one is revoked at ${(await standingOf(campaign)).ended} mails`);
      await untilState(campaign, 'completed', 180_000);
      const found = await checkCampaign(campaign, await locked.rows(), { inDoubt: 0 });
      const { refusedLogins } = await locked.counts();
      timeline.note(`${JSON.stringify(found.counts)}, ${refusedLogins} logins refused`);
      await locked.close();
      expect(found.violations).toEqual([]);
      expect(refusedLogins).toBeLessThanOrEqual(2);
    },
  },
  {
    'a worker stands still for longer than its lease and wakes: its range has another owner, nobody gets two': async (rig, timeline) => {
      // Alone when it begins, it has the range; the other comes to take it.
      await rig.workers.pop()?.kill('SIGTERM');
      const campaign = await rig.campaign(2_500, 100);
      await reaches(campaign, 200);
      rig.workers[0]?.child.kill('SIGSTOP');
      timeline.note(`stopped after ${(await standingOf(campaign)).ended} mails`);
      rig.workers.push(await rig.worker());
      await sleep(LONGER_THAN_A_LEASE_MS);
      timeline.note(`goes on at ${(await standingOf(campaign)).ended} mails`);
      rig.workers[0]?.child.kill('SIGCONT');
      await rig.expectSound(campaign, SESSIONS, timeline);
    },

    'the line between a worker and Temporal is cut for longer than a lease: the worker of the second attempt owns the range': async (rig, timeline) => {
      const proxy = await startProxy(`tcp://${process.env['TEMPORAL_ADDRESS']}`);
      await rig.replace(rig.worker({ TEMPORAL_ADDRESS: proxy.address }));
      const campaign = await rig.campaign(3_000, 100);
      await reaches(campaign, 200);
      proxy.freeze();
      timeline.note('cut');
      rig.workers.push(await rig.worker());
      await sleep(LONGER_THAN_A_LEASE_MS);
      proxy.thaw();
      timeline.note(`joined at ${(await standingOf(campaign)).ended} mails`);
      await rig.expectSound(campaign, SESSIONS, timeline);
      await rig.replace();
      await proxy.close();
    },
  },
  {
    'the line to Postgres breaks before a claim reaches it and before the answer comes back: nobody is in doubt whose answer is known': async (rig, timeline) => {
      const proxy = await startProxy(rig.place['DATABASE_URL'] ?? '');
      await rig.replace(rig.worker({ DATABASE_URL: proxy.url }));
      const campaign = await rig.campaign(2_000);
      const cuts = 4;
      for (let cut = 1; cut <= cuts; cut += 1) {
        await reaches(campaign, Math.floor((1_800 * cut) / (cuts + 1)));
        proxy.cutAt('ledger-tick', cut % 2 === 0 ? 'before' : 'after');
        timeline.note(`cut ${cut % 2 === 0 ? 'before' : 'after'} a claim at ${(await standingOf(campaign)).ended} mails`);
      }
      await rig.expectSound(campaign, 0, timeline);
      await rig.replace(rig.worker(), rig.worker());
      await proxy.close();
    },

    'started many times, and by two installations of Temporal at once: one campaign': async (rig, timeline) => {
      const { orgId, container } = rig.organization;
      const campaign = await rig.campaign(4_000);
      const input = { orgId, campaignId: campaign.id, mailNo: campaign.mailNo };
      const namespace = await createNamespace(container.config.TEMPORAL_ADDRESS);
      const second = await createGateway({ address: container.config.TEMPORAL_ADDRESS, namespace, uiUrl: '', onError: () => undefined });
      const rival = await rig.worker({ TEMPORAL_NAMESPACE: namespace });
      await reaches(campaign, 300);
      await Promise.all([...Array.from({ length: 5 }, () => container.gateway.startCampaign(input)), second.startCampaign(input)]);
      timeline.note(`a second workflow runs from ${(await standingOf(campaign)).ended} mails on`);
      // Each takes the lanes from the other; what was on its way then is in doubt.
      await rig.expectSound(campaign, 500, timeline);
      await rival.kill('SIGTERM');
      await second.close();
    },
  },
  {
    'clocks an hour apart and a full disk for the log: limits hold by the clock of the database, and nobody waits for an hour': async (rig, timeline) => {
      await rig.replace(rig.worker(skewed(3_600_000)), startWorkerLoggingTo('/dev/full', { ...rig.place, ...skewed(-3_600_000) }));
      await rig.sink.script({ everybody: null });
      const limited = async (count: number, limits: Readonly<Record<string, number>>) => {
        const connectionId = await addConnection(rig.organization, { port: rig.sink.port, parallel: SESSIONS, limits });
        const campaign = await draftCampaign(rig.organization, { people: rig.people(count), delivery: singleDelivery(connectionId) });
        await launch(campaign);
        return campaign;
      };
      const [bySecond, byMinute] = [await limited(300, { second: 60 }), await limited(60, { minute: 40 })];
      await rig.expectSound(bySecond, 0, timeline);
      await rig.expectSound(byMinute, 0, timeline);
      const rows = await rig.sink.rows();
      const most = (campaign: FaultCampaign, windowMs: number) => {
        const times = rows.filter((row) => row.sender === campaign.sender).map((row) => row.dataAt).sort((a, b) => a - b);
        return Math.max(...times.map((from, i) => times.filter((at, j) => j >= i && at < from + windowMs).length));
      };
      timeline.note(`at most ${most(bySecond, 1_000)} mails in a second, ${most(byMinute, 60_000)} in a minute`);
      // What was granted at the end of one window may reach the server in the next.
      expect(most(bySecond, 1_000)).toBeLessThanOrEqual(60 + SESSIONS);
      expect(most(byMinute, 60_000)).toBeLessThanOrEqual(40 + SESSIONS);
      expect(rig.workers.map((worker) => worker.child.exitCode), 'both workers live').toEqual([null, null]);
    },
  },
];

const outcomes = new SideBySide<void>();
const rigs: Promise<Rig>[] = [];

beforeAll(() => {
  for (const group of groups) {
    const rig = Rig.start();
    rigs.push(rig);
    let before: Promise<unknown> = rig;
    for (const [name, scenario] of Object.entries(group)) {
      const outcome = before.then(async () => scenario(await rig, new Timeline(name.split(/[,:]/)[0] ?? name)));
      outcomes.begin(name, outcome);
      before = outcome.catch(() => undefined);
    }
  }
});
afterAll(async () => {
  await outcomes.ended();
  await Promise.all(rigs.map(async (rig) => (await rig).close()));
}, 240_000);

test.each([...groups.flatMap((group) => Object.keys(group))])('%s', (name) => outcomes.outcomeOf(name), longMinutes > 0 ? 1_800_000 : 300_000);
