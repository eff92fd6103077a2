import type { Delivery } from '#domain/campaign/delivery.ts';
import { usedConnections } from '#domain/campaign/delivery.ts';
import { laneCount, RANGE_SIZE, type Piece } from '#domain/campaign/ranges.ts';
import type { CampaignPhase } from '#domain/campaign/status.ts';
import type { BreakReason } from '#domain/delivery/breaker.ts';
import type { Container } from '../infra/container.ts';
import type { Sql, Transaction } from '../infra/db/sql.ts';
import { createProviders } from '../infra/mail/providers/registry.ts';
import { loadConnection } from '../infra/mail/source.ts';
import type { CampaignInput } from '../workflows/contracts.ts';
import { translating } from './errors.ts';
import { drawDueBatches, setWinner, readExperiment, testEnd } from './experiment.ts';

export interface Lane {
  readonly id: number;
  readonly connectionNo: number;
  /** Whether it sends due retries of its connection beside its ranges: one lane of each connection does. */
  readonly withRetries: boolean;
}

/** What a campaign does next, by its rows. */
export type Stage =
  /** A lane whose connection has no piece sends its due retries. `nextAt`: when more falls due, epoch ms. */
  | { readonly kind: 'send'; readonly phase: CampaignPhase; readonly lanes: readonly Lane[]; readonly pieces: readonly Piece[]; readonly nextAt: number | null }
  | { readonly kind: 'retry'; readonly lanes: readonly Lane[] }
  /** Nothing to do before this, epoch ms. */
  | { readonly kind: 'wait'; readonly phase: CampaignPhase; readonly until: number }
  /** Nobody is left. `isSmall`: what closes the books is over in a moment. */
  | { readonly kind: 'finish'; readonly isSmall: boolean };

export type StageActivities = ReturnType<typeof createStageActivities>;

/** What `campaignWorkflow` asks for between two stretches of sending. Each may be repeated. */
export function createStageActivities({ tenants, config, secrets, logger }: Pick<Container, 'tenants' | 'config' | 'secrets' | 'logger'>) {
  const providers = createProviders(config, secrets);

  return translating({
    /**
     * Says what comes next and prepares it: draws a bandit's batch, picks the winner when the test is over, makes the
     * lanes of the stage, which fences every lane of earlier ones, and lets mail out.
     */
    nextStage: (input: CampaignInput): Promise<Stage> => tenants.use(input.orgId, ({ sql }) => sql.transaction(async (tx) => {
      const stage = await next(tx, input);
      const [phase, until] = stage.kind === 'wait' ? [stage.phase, stage.until] : [stage.kind === 'send' ? stage.phase : stage.kind === 'retry' ? 'retrying' : null, null];
      if (phase !== null) await notePhase(tx, input, phase, until);
      if (stage.kind === 'send' || stage.kind === 'retry') {
        await tx.run("update mail set open = true where no = $1 and exists (select 1 from campaign where mail_no = $1 and state = 'running')", [input.mailNo]);
      }
      return stage;
    })),

    /** Notes how far slices were walked, so that a later run begins there. */
    settleSlices: (input: CampaignInput, cursors: readonly { readonly sliceId: number; readonly next: number }[]): Promise<void> =>
      tenants.use(input.orgId, async ({ sql }) => void (await sql.run(
        'update slice s set next_ordinal = greatest(s.next_ordinal, u.next) from unnest($2::bigint[], $3::int[]) u(id, next) where s.id = u.id and s.mail_no = $1',
        [input.mailNo, cursors.map((cursor) => cursor.sliceId), cursors.map((cursor) => cursor.next)]))),

    setPhase: (input: CampaignInput, phase: CampaignPhase, until: number | null): Promise<void> => tenants.use(input.orgId, ({ sql }) => notePhase(sql, input, phase, until)),

    /**
     * A connection broke or was disabled: what nobody was sent over it yet goes to its backup, else to the others where the
     * campaign carries on, by turns.
     * @returns false when nobody takes over: the campaign pauses
     */
    replaceConnection: (input: CampaignInput, broken: { readonly connectionNo: number; readonly reason: BreakReason; readonly detail: string }): Promise<boolean> =>
      tenants.use(input.orgId, ({ sql }) => sql.transaction((tx) => replaceConnection(tx, input, broken))),

    /** Whether the connections that could not be reached and still have mail to send can be reached again. */
    probeConnections: (input: CampaignInput): Promise<boolean> => tenants.use(input.orgId, async (tenant) => {
      const broken = await tenant.sql.rows<{ id: string; enabled: boolean }>(
        `select n.id::text, n.enabled from connection n where n.health = 'broken' and n.no in (
           select connection_no from slice where mail_no = $1 and next_ordinal <= last_ordinal
           union select m.connection_no from retry r join message m on m.mail_no = r.mail_no and m.ordinal = r.ordinal where r.mail_no = $1)`, [input.mailNo]);
      if (broken.some((connection) => !connection.enabled)) return false;
      for (const { id } of broken) {
        const connection = await loadConnection(tenant, secrets, id);
        if (connection === undefined) continue;
        try {
          (await providers.get(connection.vendor).open(connection.settings)).close();
        } catch (error) {
          logger.info({ err: error, orgId: input.orgId, connectionId: id }, 'the connection cannot be reached yet');
          return false;
        }
        await tenant.sql.run("update connection set health = 'healthy', health_reason = null where id = $1", [id]);
      }
      return true;
    }),

    /** The variant a person picked, for the rest. @returns false when another had won already */
    pickWinner: (input: CampaignInput, variant: number, by: string): Promise<boolean> =>
      tenants.use(input.orgId, async ({ sql }) => (await sql.transaction((tx) => setWinner(tx, input, { variant, by }))) === variant),
  });
}

interface SliceRow {
  readonly id: number; readonly phase: 'main' | 'test' | 'rest'; readonly connectionNo: number; readonly variant: number | null;
  readonly next: number; readonly last: number;
  /** Epoch ms; 0 when it may start at once. */
  readonly notBefore: number;
}

async function next(tx: Transaction, input: CampaignInput): Promise<Stage> {
  const experiment = await readExperiment(tx, input);
  const now = (await tx.first<{ now: number }>('select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now'))!.now;
  if (experiment !== null && experiment.winner === null) await drawDueBatches(tx, input, experiment);
  const slices = await tx.rows<SliceRow>(
    `select id, phase, connection_no as "connectionNo", variant, next_ordinal as next, last_ordinal as last, coalesce(floor(extract(epoch from not_before) * 1000), 0)::float8 as "notBefore"
       from slice where mail_no = $1 and next_ordinal <= last_ordinal order by first_ordinal`, [input.mailNo]);
  const isTesting = slices.some((slice) => slice.phase === 'test');
  const open = slices.filter((slice) => slice.phase !== 'rest' || (!isTesting && experiment !== null && experiment.winner !== null));
  if (open.length === 0 && slices.length > 0 && experiment !== null) {
    const end = await testEnd(tx, input, experiment);
    if (now < end) return await retryStage(tx, input, now, { kind: 'wait', phase: 'waiting', until: end });
    await setWinner(tx, input, null);
    return next(tx, input);
  }
  const due = open.filter((slice) => slice.notBefore <= now);
  if (due.length > 0) {
    const phase = due[0]!.phase === 'test' ? 'testing' : due[0]!.phase === 'rest' ? 'sending_winner' : 'sending';
    const pieces = due.map((slice) => ({ sliceId: slice.id, connectionNo: slice.connectionNo, variant: slice.variant, from: slice.next, to: slice.last }));
    // A connection that waits for its limit does not hold up the retries of another.
    const retries = (await readRetries(tx, input)).filter((each) => each.due <= now && !pieces.some((piece) => piece.connectionNo === each.connectionNo));
    return { kind: 'send', phase, pieces, lanes: await makeLanes(tx, input, [...pieces, ...retries.map(retryPass)]), nextAt: earliest(open.filter((slice) => slice.notBefore > now)) };
  }
  const later = earliest(open);
  return retryStage(tx, input, now, later === null ? null : { kind: 'wait', phase: isTesting ? 'testing' : 'waiting_for_zone', until: later });
}

function earliest(slices: readonly SliceRow[]): number | null {
  return slices.length === 0 ? null : Math.min(...slices.map((slice) => slice.notBefore));
}

/** By connection when its first retry is due, epoch ms. */
function readRetries(tx: Transaction, input: CampaignInput): Promise<{ connectionNo: number; due: number }[]> {
  return tx.rows(
    `select m.connection_no as "connectionNo", floor(extract(epoch from min(r.due_at)) * 1000)::float8 as due from retry r join message m on m.mail_no = r.mail_no and m.ordinal = r.ordinal
      where r.mail_no = $1 group by 1`, [input.mailNo]);
}

/** One lane is enough for what is due again. */
const retryPass = ({ connectionNo }: { readonly connectionNo: number }) => ({ connectionNo, from: 1, to: 1 });

/** Due retries go before waiting; those to come are waited for. @param wait what else there is to wait for */
async function retryStage(tx: Transaction, input: CampaignInput, now: number, wait: Extract<Stage, { kind: 'wait' }> | null): Promise<Stage> {
  const retries = await readRetries(tx, input);
  const due = retries.filter((each) => each.due <= now);
  if (due.length > 0) return { kind: 'retry', lanes: await makeLanes(tx, input, due.map(retryPass)) };
  if (retries.length === 0) return wait ?? finishStage(tx, input);
  const first = Math.min(...retries.map((each) => each.due));
  return wait !== null ? { ...wait, until: Math.min(wait.until, first) } : { kind: 'wait', phase: 'retrying', until: first };
}

async function finishStage(tx: Transaction, input: CampaignInput): Promise<Stage> {
  const row = await tx.first<{ recipients: number | null }>('select recipients from campaign where id = $1', [input.campaignId]);
  return { kind: 'finish', isSmall: (row?.recipients ?? 0) <= RANGE_SIZE };
}

async function makeLanes(tx: Transaction, input: CampaignInput, pieces: readonly { readonly connectionNo: number; readonly from: number; readonly to: number }[]): Promise<Lane[]> {
  await tx.run('delete from lane where mail_no = $1', [input.mailNo]);
  const sizes = new Map<number, number>();
  for (const { connectionNo, from, to } of pieces) sizes.set(connectionNo, (sizes.get(connectionNo) ?? 0) + to - from + 1);
  const parallel = new Map((await tx.rows<{ no: number; parallel: number }>('select no, parallel from connection where no = any($1)', [[...sizes.keys()]])).map((row) => [row.no, row.parallel]));
  const wanted = [...sizes].flatMap(([connectionNo, size]) => new Array<number>(laneCount(size, parallel.get(connectionNo) ?? 1, sizes.size)).fill(connectionNo));
  const lanes = await tx.rows<{ id: number; connectionNo: number }>(
    `insert into lane (mail_no, connection_no, shard) select $1, c, n from unnest($2::int2[]) with ordinality u(c, n) order by n returning id, connection_no as "connectionNo"`, [input.mailNo, wanted]);
  const served = new Set<number>();
  return lanes.map((lane) => {
    const withRetries = !served.has(lane.connectionNo);
    served.add(lane.connectionNo);
    return { ...lane, withRetries };
  });
}

async function notePhase(sql: Sql, input: CampaignInput, phase: CampaignPhase, until: number | null): Promise<void> {
  await sql.run(
    `update campaign set phase = $2, phase_until = to_timestamp($3::float8 / 1000) where id = $1 and state in ('running', 'paused') and (phase, phase_until) is distinct from ($2, to_timestamp($3::float8 / 1000))`,
    [input.campaignId, phase, until]);
}

async function replaceConnection(tx: Transaction, input: CampaignInput, broken: { readonly connectionNo: number; readonly reason: BreakReason; readonly detail: string }): Promise<boolean> {
  if (broken.reason !== 'connection_disabled') await tx.run("update connection set health = 'broken', health_reason = $2 where no = $1", [broken.connectionNo, broken.detail]);
  const campaign = await tx.first<{ delivery: Delivery; backupId: string | null }>(
    'select c.delivery, n.backup_id::text as "backupId" from campaign c, connection n where c.id = $1 and n.no = $2 for update of c', [input.campaignId, broken.connectionNo]);
  if (campaign === undefined) return false;
  // Held against deletion: from here on the campaign's slices name them.
  const others = campaign.delivery.onBreak === 'carry_on' ? usedConnections(campaign.delivery).map((share) => share.id) : [];
  const sound = new Map((await tx.rows<{ id: string; no: number }>("select id::text, no from connection where id = any($1::uuid[]) and enabled and health <> 'broken' for key share", [[campaign.backupId, ...others].filter((id) => id !== null)]))
    .map((row) => [row.id, row.no]));
  const backup = campaign.backupId === null ? undefined : sound.get(campaign.backupId);
  const heirs = backup !== undefined ? [backup] : others.flatMap((id) => sound.get(id) ?? []);
  if (heirs.length === 0) return false;
  // By turns: slices are many where shares matter, and one is cut into as many parts as there are heirs.
  await tx.run(
    `with left_over as (
       delete from slice where mail_no = $1 and connection_no = $2 and next_ordinal <= last_ordinal returning *),
     part as (
       select l.*, i, l.next_ordinal + (l.last_ordinal - l.next_ordinal + 1)::bigint * i / $4 as first, l.next_ordinal + (l.last_ordinal - l.next_ordinal + 1)::bigint * (i + 1) / $4 - 1 as last
         from left_over l, generate_series(0, $4 - 1) i),
     walked as (
       insert into slice (mail_no, phase, batch, connection_no, variant, not_before, first_ordinal, last_ordinal, next_ordinal)
       select mail_no, phase, batch, connection_no, variant, not_before, first_ordinal, next_ordinal - 1, next_ordinal from left_over where next_ordinal > first_ordinal)
     insert into slice (mail_no, phase, batch, connection_no, variant, not_before, first_ordinal, last_ordinal, next_ordinal)
     select mail_no, phase, batch, ($3::int2[])[i + 1], variant, not_before, first, last, first from part where last >= first`,
    [input.mailNo, broken.connectionNo, heirs, heirs.length]);
  await tx.run('update message m set connection_no = $3 from retry r where r.mail_no = $1 and m.mail_no = $1 and m.ordinal = r.ordinal and m.connection_no = $2', [input.mailNo, broken.connectionNo, heirs[0]]);
  return true;
}
