import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSweepActivities } from '../../activities/sweep.ts';
import { recordTenant } from '../../infra/tenancy/provisioning.ts';
import { workflowIds } from '../../workflows/contracts.ts';
import { asActivity } from '../support/activity.ts';
import { createLaunchedCampaign, ledgerOf, type TestCampaign } from '../support/campaign.ts';
import { enters, graphOf, wait } from '../support/journey-dsl.ts';
import { journeyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { startWorker } from '../support/worker-process.ts';

/** Temporal knows of nothing here until the sweep has looked: as after a commit whose nudge was lost, or a wiped Temporal. */

let organization: TestOrganization;
let sink: SmtpSink;
let temporal: { client: Client; close(): Promise<void> };

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = organization.container.config;
  const connection = await Connection.connect({ address });
  temporal = { client: new Client({ connection, namespace }), close: () => connection.close() };
}, 60_000);
afterAll(async () => {
  await temporal.close();
  await sink.close();
  await organization.close();
});

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, ({ sql }) => sql.rows<T>(text, values));
const sweep = () => asActivity(createSweepActivities(organization.container).sweep);
/** The open run of a workflow, or none. */
const runOf = async (workflowId: string) => {
  const found = await temporal.client.workflow.getHandle(workflowId).describe().catch(() => undefined);
  return found?.status.name === 'RUNNING' ? found.runId : undefined;
};
const campaignRun = ({ orgId, campaignId }: TestCampaign) => runOf(workflowIds.campaign(orgId, campaignId));
const campaign = async (set: string, recipients = 1) => {
  const made = await createLaunchedCampaign(organization, { recipients, port: sink.port });
  await sql(`update campaign set ${set} where id = $1`, [made.campaignId]);
  return made;
};
const OLD = "updated_at = now() - interval '2 minutes'";

test('a running campaign without a workflow is started again, once', async () => {
  const lost = await campaign(OLD);
  expect(await campaignRun(lost)).toBeUndefined();
  expect(await sweep()).toMatchObject({ campaigns: 1 });
  const run = await campaignRun(lost);
  expect(run).toBeDefined();
  expect(await sweep()).toMatchObject({ campaigns: 0 });
  expect(await campaignRun(lost)).toBe(run);
});

test('a paused campaign, a scheduled one, a cancelled one with its rest to skip and one that ended without its certificate are started, all others are left alone', async () => {
  const [paused, scheduled, cancelling, uncertified, fresh, draft, completed, cancelled] = await Promise.all([
    campaign(`state = 'paused', reason = 'user', ${OLD}`), campaign(`state = 'scheduled', phase = null, scheduled_at = now() + interval '1 day', ${OLD}`), campaign(`state = 'cancelled', phase = 'sending', ${OLD}`), campaign(`state = 'completed', phase = null, frozen_at = now(), recipients = 0, audience_hash = '', ${OLD}`), campaign('updated_at = now()'),
    campaign(`state = 'draft', phase = null, ${OLD}`), campaign(`state = 'completed', phase = null, ${OLD}`), campaign(`state = 'cancelled', phase = null, ${OLD}`),
  ]);
  expect(await sweep()).toMatchObject({ campaigns: 4 });
  expect(await Promise.all([paused, scheduled, cancelling, uncertified].map(campaignRun))).toEqual(Array.from({ length: 4 }, () => expect.any(String)));
  // With their workflows they are no lost work, however long they rest.
  expect(await sweep()).toMatchObject({ campaigns: 0 });
  expect(await Promise.all([fresh, draft, completed, cancelled].map(campaignRun))).toEqual([undefined, undefined, undefined, undefined]);
});

test('an import that waits without a workflow is started', async () => {
  const [old, ended] = [randomUUID(), randomUUID()];
  for (const [id, state] of [[old, 'queued'], [ended, 'completed']]) {
    await sql(`insert into import_job (id, list_name, file_name, file_size, options, state, created_by, created_at) values ($1, '', 'a.csv', 1, '{}', $2, 'Ada', now() - interval '2 minutes')`, [id, state]);
  }
  expect(await sweep()).toMatchObject({ imports: 1 });
  expect(await sweep()).toMatchObject({ imports: 0 });
  expect(await runOf(workflowIds.import(organization.orgId, old))).toBeDefined();
  expect(await runOf(workflowIds.import(organization.orgId, ended))).toBeUndefined();
  await sql('delete from import_job');
});

test('an outbox row that waits gets its nudge; one just written has its own on the way', async () => {
  await sql('delete from outbox');
  await sql("insert into outbox (topic, ids) values ('customer', '{1}')");
  expect(await sweep()).toMatchObject({ outboxes: 0 });
  expect(await runOf(workflowIds.outbox(organization.orgId))).toBeUndefined();
  await sql("update outbox set created_at = now() - interval '1 minute'");
  expect(await sweep()).toMatchObject({ outboxes: 1 });
  await expect.poll(() => runOf(workflowIds.outbox(organization.orgId)), { timeout: 30_000 }).toBeDefined();
});

test('a cohort with somebody overdue is woken, work on journeys that waits is begun, and what is too old goes', async () => {
  const { orgId } = organization;
  const rows = await journeyRows(organization);
  const [ada, bob] = await rows.people('ada@sweep.example', 'bob@sweep.example');
  const segment = randomUUID();
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }, { exits: { goal: true, segment } }), wait('3d')));
  const cohorts = await sql<{ id: number }>('insert into cohort (journey_id, version_no, size) values ($1, 1, 1), ($1, 1, 1) returning id', [journey]);
  await sql(
    `insert into enrollment (journey_id, version_no, cohort_id, customer_id, node_id, entered_at, arrived_at, due_at) select $1, 1, c, p, 'wait-3d', now(), now(), now() + due from unnest($2::bigint[], $3::bigint[], $4::interval[]) u(c, p, due)`,
    [journey, cohorts.map((row) => row.id), [ada, bob], ['-2 minutes', '1 minute']]);
  const job = randomUUID();
  await sql(`insert into journey_job (id, journey_id, action, options, created_by, created_at) values ($1, $2, 'resume', '{}', 'Ada', now() - interval '1 minute')`, [job, journey]);
  await sql(`update journey_segment set checked_at = now() - interval '16 minutes'`);
  await sql(`insert into journey_refusal (journey_id, customer_id, reason, at) values ($1, $2, 'reentry', now() - interval '31 days'), ($1, $2, 'reentry', now())`, [journey, ada]);
  await sql(`insert into event_key (hash, received_at) values ('old', now() - interval '8 days'), ('new', now())`);

  expect(await sweep()).toMatchObject({ cohorts: 1, jobs: 1 });
  expect(await Promise.all(cohorts.map(({ id }) => runOf(workflowIds.cohort(orgId, journey, id))))).toEqual([expect.any(String), undefined]);
  expect(await runOf(workflowIds.journeyControl(orgId, journey))).toBeDefined();
  expect(await runOf(workflowIds.journeySegments(orgId))).toBeDefined();
  expect(await sql('select 1 from journey_refusal')).toHaveLength(1);
  expect(await sql(`select encode(hash, 'escape') as hash from event_key`)).toEqual([{ hash: 'new' }]);
  expect(await sweep()).toMatchObject({ jobs: 0 });
});

test('an organization whose database is gone does not hold up the others', async () => {
  const { control, config } = organization.container;
  const id = randomUUID();
  await control.run(`insert into "organization" ("id", "name", "slug", "createdAt") values ($1, 'Gone', $2, now())`, [id, `gone-${id.slice(0, 8)}`]);
  await recordTenant(control, config.DATABASE_URL, { id, name: 'Gone', slug: `gone-${id.slice(0, 8)}`, timezone: 'UTC' });
  await control.run("update tenant set state = 'active', created_at = 'epoch' where id = $1", [id]);
  const lost = await campaign(OLD);
  await sweep();
  expect(await campaignRun(lost)).toBeDefined();
  await control.run('delete from tenant where id = $1', [id]);
});

test('what the sweep started comes to its end: everyone gets the mail once, and the outbox is empty', async () => {
  const lost = await createLaunchedCampaign(organization, { recipients: ['once1@sweep.example', 'once2@sweep.example', 'once3@sweep.example'], port: sink.port });
  await sql(`update campaign set ${OLD} where id = $1`, [lost.campaignId]);
  await sweep();
  const worker = await startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' });
  try {
    await expect.poll(async () => (await sql<{ state: string }>('select state from campaign where id = $1', [lost.campaignId]))[0]?.state, { timeout: 60_000, interval: 250 }).toBe('completed');
    await expect.poll(() => sql('select 1 from outbox'), { timeout: 60_000, interval: 250 }).toEqual([]);
  } finally {
    await worker.kill('SIGTERM');
  }
  expect(await ledgerOf(organization, lost.mailNo)).toEqual({ sent: 3 });
  const arrived = (await sink.rows()).map((row) => row.recipient).filter((recipient) => recipient.endsWith('@sweep.example'));
  expect(arrived.sort()).toEqual(['once1@sweep.example', 'once2@sweep.example', 'once3@sweep.example']);
}, 120_000);
