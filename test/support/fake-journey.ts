import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { Visit } from '#domain/journey/board.ts';
import type { NodeActivity } from '#domain/journey/nodes/node.ts';
import type { JourneyActivities } from '../../activities/journeys/index.ts';
import type { JourneyInput, NodeInput } from '../../workflows/contracts.ts';
import { scheduledAt } from './workflow.ts';

/** Somebody of a fake cohort, as her row would have her; times in the server's milliseconds. */
export interface FakeMember {
  readonly no: number;
  node: string | null;
  arrivedAt: number;
  due: number;
  isWoken: boolean;
  /** Steps she left, in order, with when. */
  readonly path: { readonly node: string; readonly at: number }[];
}

/** What becomes of her: a port, or a time to rest until (never for who waits for an event alone). */
type Answer = { readonly go: string } | { readonly rest: number };

export interface FakeStep {
  readonly activity: NodeActivity;
  /** Where its ports lead; null ends the run. */
  readonly ports: Readonly<Record<string, string | null>>;
  ask(member: FakeMember, now: number): Answer;
}

export const NEVER = 8.64e15;

/** A step that lets everybody through at once. */
export const through = (activity: NodeActivity, next: string | null): FakeStep => ({ activity, ports: { next }, ask: () => ({ go: 'next' }) });
/** A delay; of a function, each member's own. */
export const delay = (ms: number | ((member: FakeMember) => number), next: string | null): FakeStep => ({
  activity: 'wait', ports: { next },
  ask: (member, now) => {
    const until = member.arrivedAt + (typeof ms === 'number' ? ms : ms(member));
    return now >= until ? { go: 'next' } : { rest: until };
  },
});
/** A wait for an event with a timeout. */
export const waitForEvent = (timeoutMs: number, happened: string | null, timedOut: string | null): FakeStep => ({
  activity: 'wait', ports: { happened, timedOut },
  ask: (member, now) => (member.isWoken ? { go: 'happened' } : now >= member.arrivedAt + timeoutMs ? { go: 'timedOut' } : { rest: member.arrivedAt + timeoutMs }),
});
export const splitBy = (port: (member: FakeMember) => string, ports: FakeStep['ports']): FakeStep => ({ activity: 'condition', ports, ask: (member) => ({ go: port(member) }) });

/** The rows of one cohort and the version it goes through. */
export class FakeJourney {
  readonly input: JourneyInput = { orgId: randomUUID(), journeyId: randomUUID(), versionNo: 1, cohortId: 1 };
  readonly members: FakeMember[];
  readonly #steps: Readonly<Record<string, FakeStep>>;
  isPaused = false;
  readonly visits: { readonly node: string; readonly at: number; readonly moved: number }[] = [];
  /** Called in each visit before it looks at anybody. */
  onVisit: (node: string) => Promise<void> = () => Promise.resolve();

  constructor(size: number, first: string, steps: Readonly<Record<string, FakeStep>>) {
    this.#steps = steps;
    this.members = Array.from({ length: size }, (_, i) => ({ no: i + 1, node: first, arrivedAt: 0, due: 0, isWoken: false, path: [] }));
  }

  at(node: string): FakeMember[] {
    return this.members.filter((member) => member.node === node);
  }

  get isOver(): boolean {
    return this.members.every((member) => member.node === null);
  }

  muster(): Visit {
    const nodes = [...new Set(this.members.flatMap((member) => (member.node === null ? [] : [member.node])))];
    return {
      arrivals: nodes.map((node) => {
        const here = this.at(node);
        return { port: '', node, activity: this.#steps[node]!.activity, title: node, count: here.length, due: Math.min(...here.map((member) => (member.isWoken ? 0 : member.due))) };
      }),
      nextDue: null, paused: false,
    };
  }

  async visit(node: string): Promise<Visit> {
    await this.onVisit(node);
    const now = scheduledAt();
    if (this.isPaused) return { arrivals: [], nextDue: null, paused: true };
    const step = this.#steps[node]!;
    const arrivals = new Map<string, { port: string; node: string; activity: NodeActivity; title: string; count: number }>();
    let moved = 0;
    for (const member of this.at(node).filter((each) => each.isWoken || each.due <= now)) {
      if (member.arrivedAt === 0) member.arrivedAt = now;
      const answer = step.ask(member, now);
      if ('rest' in answer) {
        member.due = answer.rest;
        continue;
      }
      moved += 1;
      member.path.push({ node, at: now });
      const next = step.ports[answer.go] ?? null;
      Object.assign(member, { node: next, arrivedAt: now, due: now, isWoken: false });
      if (next === null) continue;
      const known = arrivals.get(answer.go);
      arrivals.set(answer.go, { port: answer.go, node: next, activity: this.#steps[next]!.activity, title: next, count: (known?.count ?? 0) + 1 });
    }
    this.visits.push({ node, at: now, moved });
    const rest = this.at(node).map((member) => (member.isWoken ? now : member.due)).filter((due) => due < NEVER);
    return { arrivals: [...arrivals.values()], nextDue: rest.length === 0 ? null : Math.min(...rest), paused: false };
  }
}

const journeys = new Map<string, FakeJourney>();

/** Puts a cohort where the fake activities find it. */
export function fakeJourney(size: number, first: string, steps: Readonly<Record<string, FakeStep>>): FakeJourney {
  const journey = new FakeJourney(size, first, steps);
  journeys.set(journey.input.journeyId, journey);
  return journey;
}

function of({ journeyId }: NodeInput): FakeJourney {
  const journey = journeys.get(journeyId);
  if (journey === undefined) throw ApplicationFailure.nonRetryable('the test knows no such journey');
  return journey;
}

const visit = (input: NodeInput) => of(input).visit(input.node);

/** The activities of journeys over `FakeJourney`s. */
export const fakeJourneyActivities: JourneyActivities = {
  stepMuster: async (input) => of(input).muster(), stepSend: visit, stepWait: visit, stepCondition: visit, stepUpdate: visit, stepWebhook: visit,
};
