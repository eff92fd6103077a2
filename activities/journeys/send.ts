import { AppError } from '#domain/shared/errors.ts';
import type { SendEngine } from '../../infra/mail/engine.ts';
import { messageStates, tellSent } from '../../infra/mail/ledger.ts';
import type { RangeStop } from '../../infra/mail/range-run.ts';
import { dropLane, placeMessages, readMessages, readStepLedger, takeLane, waitingCohorts, withdrawLeft, type Message, type StepLedger } from '../../infra/journeys/messages.ts';
import type { Outcome, Scene, VisitWork } from './cohort.ts';
import type { Lines } from './lines.ts';

/** Whoever waits for a broken connection is tried again after this. */
const TRY_AGAIN_MS = 30_000;
/** What another attempt has in hand, or a clock that is ahead of the database's: looked at again soon. */
const SOON_MS = 2_000;
const LONGEST_REPLY = 300;
/** Of a thousand cohorts that wait for the same limit one asks every tenth of a second, rather than all at the same moment. */
const APART_MS = 100;

/** How sending ended for those who are left. */
interface Ended {
  readonly stop: RangeStop | null;
  /** What holds them, in words; null when nothing does. */
  readonly problem: string | null;
}

/**
 * One visit of a send step: everybody's one message goes through the engine, under the rules of every mail. Who has an end
 * goes on, whatever it is; who waits for a retry, a limit or a connection rests on the step and takes no slot.
 */
export function sendVisit(engine: SendEngine, lines: Lines): VisitWork {
  let ledger: StepLedger | undefined;
  return {
    async begin(scene) {
      const { tenant, input, journey, node } = scene;
      if (journey.problemStep === node.id) await clearProblemOfNobody(scene);
      ledger = await readStepLedger(tenant.sql, input, input.versionNo);
      if (ledger === undefined || ledger.lane === null) return;
      await withdrawLeft(tenant.sql, input, ledger);
      await dropLane(tenant.sql, input, ledger.mailNo);
    },
    async act(scene, members) {
      const { tenant: { sql }, input, node } = scene;
      if (ledger === undefined) {
        const problem = `The step “${node.name}” has no mail in this version. Publish the journey again.`;
        await noteProblem(scene, problem);
        return { outcomes: new Map(members.map((member) => [member.enrollmentId, { kind: 'rest', until: scene.now() + TRY_AGAIN_MS }])) };
      }
      if (!ledger.open) return { outcomes: new Map(), paused: true };
      const { mailNo } = ledger;
      const placed = await placeMessages(sql, input, mailNo, members);
      const unsent = placed.filter((message) => message.mailNo === mailNo && isOpen(message)).map((message) => message.ordinal);
      const ended: Ended = unsent.length === 0 ? { stop: null, problem: null } : await sendThem(scene, mailNo, unsent, engine, lines);
      const messages = await readMessages(sql, mailNo, members);
      await tellUntold(scene, placed, messages);
      if (unsent.length > 0) await dropLane(sql, input, mailNo);
      if (ended.problem !== null) await noteProblem(scene, ended.problem);
      else if (scene.journey.problemStep === node.id) await clearProblem(scene);
      const limited = ended.stop?.kind === 'limit' ? ended.stop.until + (await waitingCohorts(sql, mailNo)) * Math.random() * APART_MS : null;
      const outcomes = new Map<number, Outcome>();
      for (const message of messages) {
        const outcome = outcomeOf(message, ended, limited, scene.now());
        if (outcome !== null) outcomes.set(message.enrollmentId, outcome);
      }
      return { outcomes, paused: ended.stop?.kind === 'closed' };
    },
  };
}

const isOpen = ({ state }: Message): boolean => state === messageStates.pending || state === messageStates.sending;

/**
 * What an attempt before this one sent it may not have lived to tell the index: it died before it moved them. Told twice it
 * changes nothing; the sweep has it followed.
 */
async function tellUntold({ tenant: { sql } }: Scene, placed: readonly Message[], messages: readonly Message[]): Promise<void> {
  const begun = new Set(placed.filter(({ state }) => state === messageStates.sent || state === messageStates.sending).map((message) => message.enrollmentId));
  const sent = messages.filter(({ state, enrollmentId }) => state === messageStates.sent && begun.has(enrollmentId));
  for (const [mailNo, hers] of Map.groupBy(sent, (message) => message.mailNo)) await tellSent(sql, mailNo, hers.map((message) => message.ordinal));
}

/** Over the step's connection; when it breaks, over its backup. */
async function sendThem(scene: Scene, mailNo: number, ordinals: readonly number[], engine: SendEngine, lines: Lines): Promise<Ended> {
  const { tenant, input, node } = scene;
  const connectionId = typeof node.config['connection'] === 'string' ? node.config['connection'] : '';
  const tried = new Set<number>();
  for (;;) {
    const line = await lines.choose(tenant, connectionId, tried);
    if ('problem' in line) return { stop: null, problem: line.problem };
    const laneId = await takeLane(tenant.sql, input, mailNo, line.connectionNo, ordinals);
    try {
      const { stop } = await engine.sendChosen({ orgId: input.orgId, mailNo, laneId, ordinals }, () => undefined);
      if (stop?.kind !== 'broken') return { stop, problem: null };
      tried.add(stop.connectionNo);
      await lines.broke(tenant, stop);
    } catch (error) {
      // What cannot be compiled or is gone does not come right by itself; people wait, and the journey says why.
      if (!(error instanceof AppError) || (error.code !== 'invalid' && error.code !== 'not_found')) throw error;
      return { stop: null, problem: error.message };
    }
  }
}

/** @param limited when to come back after a limit, epoch ms @returns null for whoever stays due as she is: another worker goes on at once */
function outcomeOf(message: Message, { stop, problem }: Ended, limited: number | null, now: number): Outcome | null {
  const { state, reason, reply } = message;
  const words = reply === null || reply === '' ? {} : { reply: reply.slice(0, LONGEST_REPLY) };
  const why = reason === null ? {} : { reason };
  switch (state) {
    case messageStates.sent: return { kind: 'go', port: 'next', because: { mail: 'sent' } };
    case messageStates.failed: return { kind: 'go', port: 'next', because: { mail: 'failed', ...why, ...words } };
    case messageStates.skipped: return { kind: 'go', port: 'next', because: { mail: 'skipped', ...why } };
    case messageStates.in_doubt: return { kind: 'go', port: 'next', because: { mail: 'in_doubt', ...why } };
  }
  const later = (until: number): Outcome => ({ kind: 'rest', until: Math.max(Math.ceil(until), now + 1_000) });
  if (message.retryAt !== null) return later(message.retryAt);
  if (problem !== null) return later(now + TRY_AGAIN_MS);
  if (limited !== null) return later(limited);
  if (stop?.kind === 'draining' || stop?.kind === 'closed') return null;
  return later(now + SOON_MS);
}

async function noteProblem({ tenant: { sql }, input }: Scene, problem: string): Promise<void> {
  await sql.run('update journey set problem = $2, problem_step = $3 where id = $1 and (problem, problem_step) is distinct from ($2, $3)', [input.journeyId, problem, input.node]);
}

/** Whom it held has left: there is nobody by whom it would show that it works again. */
async function clearProblemOfNobody({ tenant: { sql }, input }: Scene): Promise<void> {
  await sql.run(
    `update journey set problem = null, problem_step = null where id = $1 and problem_step = $2 and not exists (select from enrollment_count where journey_id = $1 and node_id = $2 and state = 'active' having sum(n) > 0)`, [input.journeyId, input.node]);
}

async function clearProblem({ tenant: { sql }, input }: Scene): Promise<void> {
  await sql.run('update journey set problem = null, problem_step = null where id = $1 and problem_step = $2', [input.journeyId, input.node]);
}
