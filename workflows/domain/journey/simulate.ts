import type { Rule, RuleContext } from '../segment/ast.ts';
import { evaluate } from '../segment/evaluate.ts';
import { durationMs, readConfig, unitMs, type Duration } from '../shared/forms.ts';
import { seededRandom } from '../shared/random.ts';
import { offsetAt } from '../shared/time.ts';
import { sayBecause } from './because.ts';
import { admitsUnmailable, type EntryConfig, type Goal } from './entry.ts';
import { isMeant, type EventFilter } from './events.ts';
import type { Graph, GraphNode } from './graph.ts';
import { kindOf } from './nodes/index.ts';
import type { MailFilter, Member, Surroundings } from './nodes/node.ts';
import { applyChange, setOut, type SimulatedPerson, type Traveller } from './simulate-person.ts';

export interface SimulationOptions {
  readonly graph: Graph;
  readonly journeyId: string;
  readonly journeyName: string;
  /** The organization's. */
  readonly zone: string;
  /** Epoch ms: what lies before it is known from stored events. */
  readonly now: number;
  /** For every rule the graph asks, read at `now`. */
  readonly rules: RuleContext;
  readonly mails: MailFilter;
  /** Shares of mails that count as opened and clicked, 0 to 1. */
  readonly rates: { readonly opened: number; readonly clicked: number };
  /** What draws follow from: the same seed over the same people gives the same result. */
  readonly seed: string;
}

/** What a dry run found so far. Plain JSON: an activity may keep it between pages. */
export interface Simulation {
  people: number;
  /** Those who would not have entered, because they get no mail. */
  suppressed: number;
  /** In the order in which somebody first came there. */
  readonly steps: StepTally[];
  readonly mails: { readonly day: string; mails: number }[];
  completed: number;
  /** Still inside a year from now. */
  active: number;
  readonly exited: Record<string, number>;
  goals: number;
}

export interface StepTally {
  readonly node: string;
  people: number;
  readonly ports: PortTally[];
}

export interface PortTally {
  readonly port: string;
  people: number;
  /** Of them by what is assumed: engagement with mails not sent, events that are still to come. */
  assumed: number;
  readonly examples: { readonly customerId: number; readonly because: string }[];
}

const MAX_EXAMPLES = 20;
const HORIZON_MS = 365 * unitMs.days;
/** Of one person: a circle of minutes goes round half a million times a year. */
const MAX_VISITS = 1_000;

export const newSimulation = (): Simulation => ({ people: 0, suppressed: 0, steps: [], mails: [], completed: 0, active: 0, exited: {}, goals: 0 });

/**
 * Tries a draft with one person after another, nothing sent and nothing changed. Fields, lists and segments are as they are
 * now, with what the journey itself would write; sends go on; engagement with them follows the rates, everybody's by herself,
 * whatever the order; waits for events look at stored events where time has passed.
 * @param result to go on with
 */
export function createSimulation(options: SimulationOptions, result: Simulation = newSimulation()): { readonly result: Simulation; add(person: SimulatedPerson): void } {
  const nodes = new Map(options.graph.nodes.map((node) => [node.id, node]));
  const ways = new Map(options.graph.edges.map(({ from, port, to }) => [`${from} ${port}`, to]));
  const after = (node: GraphNode, port: string) => nodes.get(ways.get(`${node.id} ${port}`) ?? '');
  const steps = new Map(result.steps.map((step) => [step.node, step]));
  const mails = new Map(result.mails.map((day) => [day.day, day]));
  const entry = options.graph.nodes.find((node) => node.kind === 'entry')!;
  const terms = readConfig(kindOf(entry).form, entry.config) as Partial<EntryConfig>;

  const tally = (node: GraphNode, counted: Set<string>, customerId: number, left: { readonly port: string; readonly because: string; readonly isAssumed: boolean } | null) => {
    let step = steps.get(node.id);
    if (step === undefined) {
      steps.set(node.id, (step = { node: node.id, people: 0, ports: [] }));
      result.steps.push(step);
    }
    if (!counted.has(node.id)) step.people += 1;
    counted.add(node.id);
    if (left === null || counted.has(`${node.id} ${left.port}`)) return;
    counted.add(`${node.id} ${left.port}`);
    let port = step.ports.find((each) => each.port === left.port);
    if (port === undefined) step.ports.push((port = { port: left.port, people: 0, assumed: 0, examples: [] }));
    port.people += 1;
    if (left.isAssumed) port.assumed += 1;
    if (port.examples.length < MAX_EXAMPLES) port.examples.push({ customerId, because: left.because });
  };
  const sent = (at: number) => {
    const key = new Date(at + offsetAt(at, options.zone)).toISOString().slice(0, 10);
    let day = mails.get(key);
    if (day === undefined) {
      mails.set(key, (day = { day: key, mails: 0 }));
      result.mails.push(day);
      result.mails.sort((a, b) => (a.day < b.day ? -1 : 1));
    }
    day.mails += 1;
  };

  return {
    result,
    add(person) {
      const known = knownEnd(person, terms, options);
      if (known === 'suppressed') {
        result.suppressed += 1;
        return;
      }
      result.people += 1;
      const counted = new Set<string>();
      const traveller = setOut(person);
      let at = person.enteredAt;
      let isGoalReached = known.goalAt !== null;
      const leave = (reason: string) => void (result.exited[reason] = (result.exited[reason] ?? 0) + 1);
      const finish = () => void (result.goals += isGoalReached ? 1 : 0);
      tally(entry, counted, person.customerId, { port: 'next', because: sayBecause(person.event === null ? undefined : { event: person.event.name ?? person.event.type, at: new Date(person.event.at).toISOString() }), isAssumed: false });

      let node = after(entry, 'next');
      for (let visit = 1; ; visit += 1) {
        if (node === undefined) {
          result.completed += 1;
          return finish();
        }
        if (node.kind === 'exit') {
          tally(node, counted, person.customerId, null);
          result.completed += 1;
          return finish();
        }
        const early = endBefore(terms, traveller, at, known, options);
        if (early.isGoal) isGoalReached = true;
        if (early.reason !== null) {
          tally(node, counted, person.customerId, null);
          leave(early.reason);
          return finish();
        }
        const passed = visit > MAX_VISITS ? null : pass(node, person, traveller, at, visit, options);
        if (passed === null || passed.at > options.now + HORIZON_MS) {
          tally(node, counted, person.customerId, null);
          result.active += 1;
          return finish();
        }
        at = passed.at;
        if (known.at !== null && known.at <= at) {
          tally(node, counted, person.customerId, null);
          leave(known.reason);
          return finish();
        }
        tally(node, counted, person.customerId, passed);
        if (passed.isSent) sent(at);
        node = after(node, passed.port);
      }
    },
  };
}

interface Passed {
  readonly port: string;
  /** When she leaves. */
  readonly at: number;
  readonly because: string;
  readonly isAssumed: boolean;
  readonly isSent: boolean;
}

/** One step of one person. @returns null when she stays for longer than is looked ahead */
function pass(node: GraphNode, person: SimulatedPerson, traveller: Traveller, arrivedAt: number, visit: number, options: SimulationOptions): Passed | null {
  if (node.kind === 'send') return send(node, person, traveller, arrivedAt, visit, options);
  if (node.kind === 'webhook') return { port: 'next', at: arrivedAt, because: 'assumed to be answered', isAssumed: true, isSent: false };
  if (node.kind === 'wait-for-event') return waitForEvent(node, person, traveller, arrivedAt, options);
  const kind = kindOf(node);
  let now = arrivedAt;
  let step = kind.step(node.config, memberOf(person, traveller, arrivedAt, visit), around(node, now, options));
  while (step.kind === 'rest') {
    if (step.until <= now || step.until > options.now + HORIZON_MS) return null;
    now = step.until;
    step = kind.step(node.config, memberOf(person, traveller, arrivedAt, visit), around(node, now, options));
  }
  if (step.kind === 'act') return null;
  if (step.change !== undefined) applyChange(traveller, step.change, options.rules.catalogue, options.zone);
  return { port: step.port, at: now, because: sayBecause(step.because), isAssumed: node.kind === 'engagement-condition' && traveller.sends.length > 0, isSent: false };
}

function memberOf(person: SimulatedPerson, { timezone, fields, document, sends }: Traveller, arrivedAt: number, visit: number): Member {
  return { enrollmentId: 0, customerId: person.customerId, visit, arrivedAt, wokenBy: null, timezone, fields, document, sends, event: person.event };
}

function around(node: GraphNode, now: number, { journeyId, journeyName, graph, zone, rules }: SimulationOptions): Surroundings {
  return { journeyId, journeyName, graph, node, now, zone, rules };
}

/** Drawn for her and this mail: who clicks has opened. What she does with it, she does at once. */
function send(node: GraphNode, { customerId }: SimulatedPerson, traveller: Traveller, at: number, visit: number, { rates, seed }: SimulationOptions): Passed {
  if (!traveller.document.mailable) return { port: 'next', at, because: 'skipped: gets no mail', isAssumed: false, isSent: false };
  const drawn = seededRandom(seed, node.id, customerId, visit)();
  const isClicked = drawn < rates.clicked;
  traveller.sends.push({ node: node.id, sentAt: at, openedAt: isClicked || drawn < rates.opened ? at : null, clickedAt: isClicked ? at : null });
  return { port: 'next', at, because: '', isAssumed: false, isSent: true };
}

/** Stored events first; then what she is assumed to do with the journey's own mails; then the timeout, certain only where time has passed. */
function waitForEvent(node: GraphNode, person: SimulatedPerson, traveller: Traveller, arrivedAt: number, options: SimulationOptions): Passed {
  const kind = kindOf(node);
  const config = readConfig(kind.form, node.config) as Partial<EventFilter> & { readonly timeout: Duration };
  const until = arrivedAt + durationMs(config.timeout);
  const happened = person.events.find((event) => event.at > arrivedAt && event.at <= until && kind.matches!(node.config, event, options.mails));
  const told = (port: string, because: Readonly<Record<string, unknown>> | undefined, at: number, isAssumed: boolean): Passed => ({ port, at, because: sayBecause(because), isAssumed, isSent: false });
  if (happened !== undefined) return told('happened', { event: happened.name ?? happened.type, at: new Date(happened.at).toISOString() }, happened.at, false);
  const own = engagedMail(config, traveller, options.journeyId);
  if (own === 'engaged') return told('happened', { assumed: `${config.event!.type} the mail` }, arrivedAt, true);
  return told('timed_out', undefined, until, own === 'not engaged' || until > options.now);
}

/** Whether an event is one that her engagement with the journey's own mails may bring, and whether it does. */
function engagedMail({ event, campaign, journey, step }: Partial<EventFilter>, { sends }: Traveller, journeyId: string): 'engaged' | 'not engaged' | 'other' {
  if ((event?.type !== 'opened' && event?.type !== 'clicked') || campaign !== undefined || (journey !== undefined && journey !== journeyId)) return 'other';
  const mail = sends.findLast(({ node }) => step === undefined || node === step);
  if (mail === undefined) return 'other';
  return (event.type === 'opened' ? mail.openedAt : mail.clickedAt) === null ? 'not engaged' : 'engaged';
}

interface KnownEnd {
  /** When stored events ended her run, or null. */
  readonly at: number | null;
  readonly reason: string;
  readonly goalAt: number | null;
}

/** What stored events say of her run. */
function knownEnd({ document, enteredAt, events }: SimulatedPerson, { trigger, goal, exits }: Partial<EntryConfig>, { mails }: SimulationOptions): KnownEnd | 'suppressed' {
  const later = events.filter((event) => event.at > enteredAt && !event.machine);
  const ending = later.find(({ type }) => type === 'unsubscribed' || type === 'complained') ?? (document.is_bounced ? later.findLast(({ type }) => type === 'bounced') : undefined);
  if (!document.mailable && ending === undefined && !(trigger !== undefined && admitsUnmailable(trigger))) return 'suppressed';
  const filter = goalFilter(goal ?? null);
  const goalAt = filter === null ? null : later.find((event) => isMeant(filter, event, mails))?.at ?? null;
  if (goalAt !== null && exits?.goal !== false && (ending === undefined || goalAt <= ending.at)) return { at: goalAt, reason: 'goal', goalAt };
  return { at: ending?.at ?? null, reason: ending?.type ?? '', goalAt };
}

function goalFilter(goal: Goal | null): EventFilter | null {
  if (goal === null || goal.kind === 'segment') return null;
  return goal.kind === 'custom' ? { event: { type: 'custom', name: goal.name }, filters: goal.filters } : { ...goal, event: { type: goal.event } };
}

/** What is looked at before each step: segments that end a run or are its goal, and what is known by then. */
function endBefore({ goal, exits }: Partial<EntryConfig>, { document }: Traveller, at: number, known: KnownEnd, { rules }: SimulationOptions): { readonly reason: string | null; readonly isGoal: boolean } {
  const isIn = (segment: string) => evaluate({ op: 'and', parts: [{ segment, in: true }] } satisfies Rule, document, { ...rules, now: at });
  if (known.at !== null && known.at <= at) return { reason: known.reason, isGoal: false };
  const isGoal = goal?.kind === 'segment' && isIn(goal.segment);
  if (isGoal && exits?.goal !== false) return { reason: 'goal', isGoal };
  return { reason: exits?.segment !== undefined && isIn(exits.segment) ? 'segment' : null, isGoal };
}
