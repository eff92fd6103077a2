import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { expect } from 'vitest';
import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { startTestApi, type TestApi, type TestUser } from './api.ts';
import { startSmtpSink, type SmtpSink } from './smtp-sink.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';

/** Ready journeys as a person sets them up, on a whole installation: the API, a real worker, a mail server. */
export interface ReadyStage {
  readonly api: TestApi;
  readonly admin: TestUser;
  readonly sink: SmtpSink;
  readonly connection: string;
  /** Ends the worker as a deployment does, and starts another once `meanwhile` is over. */
  restartWorker(meanwhile?: () => Promise<void>): Promise<void>;
  /**
   * A draft begun as a ready journey, with sender, connection and links chosen in its mails, against which nothing stands.
   * @param choose what else is chosen in a step; undefined leaves it
   */
  fromReady(ready: string, name: string, choose?: (node: GraphNode) => object | undefined): Promise<string>;
  publish(journey: string, options?: { readonly people?: 'stay' | 'move'; readonly note?: string }): Promise<void>;
  /** Saves another draft of a live journey. */
  redraw(journey: string, change: (graph: Graph) => Graph): Promise<void>;
  /** Enrolls and waits until that is done. @returns its counts */
  enroll(journey: string, whom: object): Promise<Record<string, number>>;
  done(journey: string, job: string): Promise<Record<string, number>>;
  /** Customers added to a list by the API, one request. @returns their ids, in order */
  join(list: string | null, people: readonly object[]): Promise<number[]>;
  newList(name: string): Promise<string>;
  /** Waits until so many rest on a delay, each with the time of its end. */
  untilResting(journey: string, step: string, count: number): Promise<void>;
  /** Time passes for everybody in a journey, her mails and events included; whoever is due then goes on at once. */
  timePasses(journey: string, ms: number): Promise<void>;
  /** Mails that arrived for these addresses, in the order in which they came. */
  mailsTo(...addresses: readonly string[]): Promise<ArrivedMail[]>;
  /** Does what a reader does with her last mail; the journey's clock is set on before, for no person is that fast. */
  reads(journey: string, address: string, what: 'open' | 'click'): Promise<void>;
  follow(url: string): Promise<void>;
  sql<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

export interface ArrivedMail {
  readonly to: string;
  readonly subject: string;
  html(): Promise<string>;
}

const SENDER = 'news@shop.example';
const MINUTE = 60_000;
const READER = { 'user-agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15' };

export async function startReadyStage(): Promise<ReadyStage> {
  const state = mkdtempSync(join(tmpdir(), 'fermata-ready-'));
  const config = { FERMATA_STATE_DIR: state, FERMATA_ALLOW_PRIVATE_SMTP: 'true', FERMATA_ALLOW_PRIVATE_WEBHOOKS: 'true' };
  const [api, sink] = await Promise.all([startTestApi(config), startSmtpSink({ keepsMessages: true })]);
  let worker: WorkerProcess;
  const [admin] = await Promise.all([api.signIn('admin'), startWorker(config).then((started) => { worker = started; })]);
  const sql: ReadyStage['sql'] = (text, values = []) => api.container.tenants.use(api.orgId, ({ sql: tenant }) => tenant.rows(text, values));
  const asked = async (method: string, path: string, body: unknown, status: number) => {
    const reply = await admin.request(method, path, body);
    expect(reply.status, `${method} ${path}: ${JSON.stringify(reply.body)}`).toBe(status);
    return reply.body;
  };
  const connection: string = (await asked('POST', '/connections', { vendor: 'smtp', name: 'Post', host: '127.0.0.1', port: sink.port, secure: 'none', fromEmail: SENDER }, 201)).id;

  const draw = async (journey: string, change: (graph: Graph) => Graph) => {
    const { version, graph } = await asked('GET', `/journeys/${journey}/draft`, undefined, 200);
    const { problems } = await asked('PUT', `/journeys/${journey}/draft`, { version, graph: change(graph) }, 200);
    expect(problems).toEqual([]);
  };
  const stage: ReadyStage = {
    api, admin, sink, connection, sql,
    async restartWorker(meanwhile = () => Promise.resolve()) {
      await worker.kill('SIGTERM');
      await meanwhile();
      worker = await startWorker(config);
    },
    async fromReady(ready, name, choose = () => undefined) {
      const { id } = await asked('POST', '/journeys', { name, ready }, 201);
      await draw(id, (graph) => chosen(graph, (node) => choose(node) ?? (node.kind === 'send' ? { fromEmail: SENDER, connection, html: String(node.config['html']).replaceAll('//example.com', '//shop.example') } : undefined)));
      return id;
    },
    async publish(journey, options = {}) {
      const { version } = await asked('GET', `/journeys/${journey}/draft`, undefined, 200);
      await asked('POST', `/journeys/${journey}/publish`, { draftVersion: version, ...options }, 200);
    },
    async redraw(journey, change) {
      await asked('POST', `/journeys/${journey}/draft`, {}, 201);
      await draw(journey, change);
    },
    async enroll(journey, whom) {
      return stage.done(journey, (await asked('POST', `/journeys/${journey}/enroll`, whom, 202)).id);
    },
    async done(journey, job) {
      await expect.poll(async () => (await admin.get(`/journeys/${journey}/jobs/${job}`)).body.state, { timeout: MINUTE, interval: 50 }).toBe('completed');
      return (await admin.get(`/journeys/${journey}/jobs/${job}`)).body.result;
    },
    async join(list, people) {
      const { results } = await asked('POST', '/customers/batch', { customers: people.map((one) => ({ ...one, ...(list === null ? {} : { listIds: [list] }) })) }, 200);
      return results.map((result: { id: number }) => result.id);
    },
    newList: async (name) => (await asked('POST', '/lists', { name }, 201)).id,
    untilResting: (journey, step, count) => expect.poll(
      () => sql(`select 1 from enrollment where journey_id = $1 and node_id = $2 and state = 'active' and due_at > arrived_at`, [journey, step]).then((rows) => rows.length), { timeout: MINUTE, interval: 50 }).toBe(count),
    async timePasses(journey, ms) {
      const cohorts = await api.container.tenants.use(api.orgId, ({ sql: tenant }) => tenant.transaction(async (tx) => {
        for (const statement of AGING) await tx.run(statement, [journey, ms]);
        return tx.rows<{ versionNo: number; cohortId: number; nodes: string[] }>(DUE, [journey]);
      }));
      for (const { nodes, ...cohort } of cohorts) await api.container.gateway.wakeCohort({ orgId: api.orgId, journeyId: journey, ...cohort }, nodes);
    },
    async mailsTo(...addresses) {
      const rows = (await sink.rows()).map((row, place) => ({ ...row, place })).filter((row) => addresses.includes(row.recipient.toLowerCase()));
      return Promise.all(rows.map(async ({ recipient, place }) => {
        const message = await sink.message(place);
        const subject = /^Subject: (.*(?:\r\n[ \t].*)*)/m.exec(message.toString('latin1'))?.[1] ?? '';
        return { to: recipient.toLowerCase(), subject: subject.replaceAll(/\r\n/g, ''), html: async () => String((await simpleParser(message)).html) };
      }));
    },
    async reads(journey, address, what) {
      await stage.timePasses(journey, MINUTE);
      const html = await (await stage.mailsTo(address)).at(-1)!.html();
      await stage.follow(new RegExp(`https?:[^"]+/api/track/${what}/[^"]+`).exec(html)![0]);
    },
    async follow(url) {
      const reply = await fetch(`${api.baseUrl}${new URL(url).pathname}`, { headers: READER, redirect: 'manual' });
      expect([200, 302]).toContain(reply.status);
    },
    async close() {
      await worker.kill('SIGTERM');
      await Promise.all([api.close(), sink.close()]);
      rmSync(state, { recursive: true, force: true });
    },
  };
  return stage;
}

/** The graph with what is chosen added to the configs of its steps. */
export function chosen(graph: Graph, choose: (node: GraphNode) => object | undefined): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, config: { ...node.config, ...choose(node) } })) };
}

const earlier = (...columns: readonly string[]) => columns.map((column) => `${column} = ${column} - $2::float8 * interval '1 millisecond'`).join(', ');
const OF_JOURNEY = 'select id from enrollment where journey_id = $1';

/** Messages first, then runs, as everybody locks them. */
const AGING = [
  `update event set ${earlier('occurred_at')} where (mail_no, ordinal) in (select mail_no, ordinal from message where enrollment_id in (${OF_JOURNEY}))`,
  `update message set ${earlier('started_at', 'ended_at', 'first_opened_at', 'first_clicked_at')} where enrollment_id in (${OF_JOURNEY})`,
  `update enrollment set ${earlier('entered_at', 'arrived_at', 'due_at', 'ended_at', 'goal_at')} where journey_id = $1`,
  `update enrollment_step set ${earlier('arrived_at', 'left_at')} where enrollment_id in (${OF_JOURNEY})`,
  `update journey_webhook set ${earlier('first_at', 'next_at')} where enrollment_id in (${OF_JOURNEY})`,
];

const DUE = /* sql */ `
select version_no as "versionNo", cohort_id as "cohortId", array_agg(distinct node_id) as nodes from enrollment where journey_id = $1 and state = 'active' and due_at <= now() group by 1, 2`;
