import { Context } from '@temporalio/activity';
import { musterToken, type Arrival, type Visit } from '#domain/journey/board.ts';
import type { GraphNode } from '#domain/journey/graph.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import type { NodeKind, Part, Step, Surroundings } from '#domain/journey/nodes/node.ts';
import type { Rule } from '#domain/segment/ast.ts';
import { evaluate } from '#domain/segment/evaluate.ts';
import type { Container } from '../../infra/container.ts';
import { readMembers, type Standing } from '../../infra/journeys/members.ts';
import { depart, leave, nextDueAt, park, stay, unpark, type Departure, type MoveContext, type Rest, type Stay } from '../../infra/journeys/move.ts';
import { termsOf } from '../../infra/journeys/terms.ts';
import { titleOf } from '../../infra/journeys/tokens.ts';
import type { Version, Versions } from '../../infra/journeys/versions.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { readRuleContext } from '../../search/context.ts';
import type { NodeInput } from '../../workflows/contracts.ts';
import { alive } from '../alive.ts';
import { wakeMissed } from './missed.ts';

/** A visit under way: one step of one cohort, and what is around it. */
export interface Scene {
  readonly tenant: Tenant;
  readonly input: NodeInput;
  readonly journey: JourneyHead;
  readonly version: Version;
  readonly node: GraphNode;
  /** Temporal's clock, epoch ms. */
  now(): number;
}

export interface JourneyHead {
  readonly name: string;
  readonly slug: string;
  readonly state: 'draft' | 'published' | 'paused' | 'archived';
  readonly isParked: boolean;
  readonly problemStep: string | null;
}

/** What becomes of a member once an activity has acted outside. */
export type Outcome = Exclude<Step, { kind: 'act' }>;

export interface VisitWork {
  /** Before anybody is looked at. */
  begin?(scene: Scene): Promise<void>;
  /**
   * Acts outside on those whose step says so.
   * @returns what becomes of each, by run; whoever is not in it stays as she is. `paused`: the switch was found off
   */
  act?(scene: Scene, members: readonly Standing[]): Promise<{ readonly outcomes: ReadonlyMap<number, Outcome>; readonly paused?: boolean }>;
}

export type VisitDependencies = Pick<Container, 'tenants' | 'gateway' | 'logger'> & { readonly versions: Versions };

const PAGE = 1_000;
const HEARTBEAT_MS = 2_000;
const NOWHERE: Visit = { arrivals: [], nextDue: null, paused: false };

/** Whom an attempt before this one moved and did not live to tell of: where people stand is looked up in their rows. */
function untold(): Arrival[] {
  const { node, activity, title } = musterToken;
  return Context.current().info.attempt > 1 ? [{ port: '', node, activity, title, count: 0 }] : [];
}

/** Temporal's clock as this attempt knows it: its time in the queue costs nobody a second of her wait. */
export function attemptClock(): () => number {
  const scheduledAt = Context.current().info.currentAttemptScheduledTimestampMs;
  const startedAt = performance.now();
  return () => Math.floor(scheduledAt + performance.now() - startedAt);
}

/**
 * Asks everybody of a cohort who is new, due or woken on a step what becomes of her, moves those who go and writes when those
 * who stay are asked next. Repeated it finds only whom it has not moved. Of a paused journey nobody moves.
 */
export async function visitStep(dependencies: VisitDependencies, input: NodeInput, work: VisitWork = {}): Promise<Visit> {
  const { tenants, versions, gateway } = dependencies;
  const now = attemptClock();
  return alive(HEARTBEAT_MS, () => tenants.use(input.orgId, async (tenant) => {
    const journey = await readHead(tenant, input);
    if (journey === undefined) return NOWHERE;
    if (journey.state === 'paused' && (await park(tenant.sql, input.journeyId, input.cohortId))) return { arrivals: untold(), nextDue: null, paused: true };
    if (journey.isParked) await unpark(tenant.sql, input.cohortId);
    const version = await versions.get(tenant, input.journeyId, input.versionNo);
    const node = version.node(input.node);
    if (node === undefined) return NOWHERE;
    const scene: Scene = { tenant, input, journey, version, node, now };
    await work.begin?.(scene);
    const arrivals = new Arrivals();
    let isPaused = false;
    let after = 0;
    for (;;) {
      Context.current().cancellationSignal.throwIfAborted();
      const seen = await visitPage(dependencies, scene, work, after, arrivals);
      isPaused = seen.paused;
      after = seen.last;
      if (!seen.hasMore || isPaused) break;
    }
    if (arrivals.hasChanges) gateway.nudgeOutbox(input.orgId);
    if (isPaused && (await park(tenant.sql, input.journeyId, input.cohortId))) return { arrivals: [...untold(), ...arrivals.list], nextDue: null, paused: true };
    return { arrivals: [...untold(), ...arrivals.list], nextDue: await nextDueAt(tenant.sql, input, now()), paused: false };
  }));
}

async function readHead({ sql }: Tenant, { journeyId, cohortId }: NodeInput): Promise<JourneyHead | undefined> {
  return sql.first<JourneyHead>('select j.name, j.slug, j.state, c.parked as "isParked", j.problem_step as "problemStep" from journey j join cohort c on c.journey_id = j.id where j.id = $1 and c.id = $2', [journeyId, cohortId]);
}

async function visitPage({ logger }: VisitDependencies, scene: Scene, work: VisitWork, after: number, arrivals: Arrivals): Promise<{ last: number; hasMore: boolean; paused: boolean }> {
  const { tenant, input, version, node } = scene;
  const kind = nodeKinds[node.kind];
  const exitSegment = termsOf(version.graph).exits?.segment;
  const reads = new Set<Part>([...kind.reads, ...(exitSegment === undefined ? [] : (['document'] as const))]);
  const asked = scene.now();
  // One more than a page tells whether there is another, which a full cohort else asks for in vain.
  const found = await readMembers(tenant, input, reads, asked, { after, limit: PAGE + 1 });
  const [members, hasMore] = [found.slice(0, PAGE), found.length > PAGE];
  const last = members.at(-1)?.enrollmentId ?? after;
  if (members.length === 0) return { last, hasMore, paused: false };
  const around = await surroundingsOf(scene, kind, exitSegment, asked);
  const move = (): MoveContext => ({ place: input, journeyName: scene.journey.name, reentry: termsOf(version.graph).reentry, now: scene.now() });

  const gone = members.filter((member) => member.isGone);
  const leaving = exitSegment === undefined ? [] : members.filter((member) => !member.isGone && isMember(member, exitSegment, around));
  const outside = new Set([...gone, ...leaving]);
  await leave(tenant.sql, move(), gone.map((member) => member.enrollmentId), 'erased');
  await leave(tenant.sql, move(), leaving.map((member) => member.enrollmentId), 'segment');

  const steps = new Map<number, Step>();
  const broken: number[] = [];
  const here = members.filter((member) => !outside.has(member));
  for (const member of here) {
    try {
      steps.set(member.enrollmentId, kind.step(node.config, member, around));
    } catch (error) {
      // One person's data must not hold up the others of her cohort.
      logger.error({ err: error, orgId: input.orgId, journeyId: input.journeyId, node: node.id, enrollmentId: member.enrollmentId }, 'a step could not decide about somebody');
      broken.push(member.enrollmentId);
    }
  }
  await leave(tenant.sql, move(), broken, 'error');
  const acting = here.filter((member) => steps.get(member.enrollmentId)?.kind === 'act');
  const acted = acting.length > 0 && work.act !== undefined ? await work.act(scene, acting) : null;
  const outcomeOf = ({ enrollmentId }: Standing): Outcome | undefined => {
    const step = steps.get(enrollmentId);
    return step?.kind === 'act' ? acted?.outcomes.get(enrollmentId) : step;
  };

  const leftAt = scene.now();
  const departures: (Departure & { readonly member: Standing })[] = [];
  const stays: (Stay & { readonly member: Standing })[] = [];
  for (const member of here) {
    const outcome = outcomeOf(member);
    if (outcome?.kind === 'go') {
      const next = version.after(node.id, outcome.port);
      // Whoever may leave by a segment is asked about it as she comes to a step.
      const rest = next === undefined || exitSegment !== undefined ? null : restAt(next, member, around, leftAt);
      departures.push({ member, port: outcome.port, next, rest, because: outcome.because ?? null, change: outcome.change ?? null });
    } else if (outcome?.kind === 'rest') stays.push({ member, until: outcome.until, wake: outcome.wake ?? null });
  }
  let hurried: GraphNode[] = [];
  const moved = await depart(tenant.sql, { ...move(), now: leftAt }, departures, async (tx, ids) => {
    hurried = [];
    const resting = departures.filter(({ member, rest }) => ids.has(member.enrollmentId) && (rest?.wake ?? null) !== null);
    for (const [next, comers] of Map.groupBy(resting, (each) => each.next!)) {
      const waiters = comers.map(({ member, rest }) => ({ member: { ...member, visit: member.visit + 1, arrivedAt: leftAt }, wake: rest!.wake! }));
      if ((await wakeMissed(tx, input, next, waiters)) > 0) hurried.push(next);
    }
  });
  arrivals.add(departures.filter(({ member }) => moved.has(member.enrollmentId)));
  for (const next of hurried) arrivals.hurry(next, leftAt);
  await stay(tenant.sql, input, stays, async (tx) => {
    await wakeMissed(tx, input, node, stays.flatMap(({ member, wake }) => (wake === null || member.wokenById !== null ? [] : [{ member, wake }])));
  });
  return { last, hasMore, paused: acted?.paused ?? false };
}

/**
 * How long she rests on the step she comes to, where that is a delay that needs to know nothing of her: then she is moved
 * and put to rest in one go, and the step is visited when somebody is due there and not before.
 */
function restAt(next: GraphNode, { enrollmentId, customerId, visit, timezone }: Standing, around: Surroundings, now: number): Rest | null {
  const kind: NodeKind = nodeKinds[next.kind];
  if (kind.activity !== 'wait' || kind.reads.length > 0) return null;
  try {
    const step = kind.step(next.config, { enrollmentId, customerId, visit: visit + 1, arrivedAt: now, timezone, wokenBy: null }, { ...around, node: next, now });
    return step.kind === 'rest' ? { until: step.until, wake: step.wake ?? null } : null;
  } catch {
    // Its own visit finds the same, and says so.
    return null;
  }
}

async function surroundingsOf({ tenant, input, journey, version, node }: Scene, kind: NodeKind, exitSegment: string | undefined, now: number): Promise<Surroundings> {
  const rules: Rule[] = [...(kind.rules?.(node.config) ?? []), ...(exitSegment === undefined ? [] : [segmentRule(exitSegment)])];
  const context = kind.reads.includes('document') || rules.length > 0 ? { ...(await readRuleContext(tenant, { op: 'and', parts: rules })), now } : null;
  return { journeyId: input.journeyId, journeyName: journey.name, graph: version.graph, node, now, zone: tenant.org.timezone, rules: context };
}

const segmentRule = (segment: string): Rule => ({ op: 'and', parts: [{ segment, in: true }] });

function isMember({ document }: Standing, segment: string, { rules }: Surroundings): boolean {
  return document !== undefined && rules !== null && evaluate(segmentRule(segment), document, rules);
}

/** Where people went, counted by port. */
class Arrivals {
  readonly #byPort = new Map<string, Arrival>();
  hasChanges = false;

  get list(): Arrival[] {
    return [...this.#byPort.values()];
  }

  add(went: readonly Departure[]): void {
    for (const { port, next, rest, change } of went) {
      if (change !== null) this.hasChanges = true;
      const activity = next === undefined ? null : nodeKinds[next.kind].activity;
      if (next === undefined || activity === null) continue;
      const known = this.#byPort.get(port);
      this.#byPort.set(port, { port, node: next.id, activity, title: titleOf(next), count: (known?.count ?? 0) + 1, due: Math.min(known?.due ?? Infinity, rest?.until ?? 0) });
    }
  }

  /** Somebody of those who came to a step is asked at once. */
  hurry({ id }: GraphNode, now: number): void {
    for (const [port, arrival] of this.#byPort) if (arrival.node === id) this.#byPort.set(port, { ...arrival, due: now });
  }
}
