import { readConfig } from '../shared/forms.ts';
import { sayStep, type Graph, type NodeKindName } from './graph.ts';
import { kindOf } from './nodes/index.ts';
import { engagementCondition, type EngagementConditionConfig } from './nodes/engagement-condition.ts';
import type { NodeProblem } from './nodes/node.ts';

/** Problems of the ways between steps: circles, steps nobody gets to, conditions that lead nowhere or ask for a mail not sent yet. */
export function checkWays(graph: Graph): NodeProblem[] {
  const ways = readWays(graph);
  const entry = graph.nodes.findIndex((node) => node.kind === 'entry');
  const isReached = reach(ways, entry, -1);
  return [...checkPorts(graph, ways), ...checkCircles(graph, ways), ...checkEngagement(graph, ways, entry, isReached), ...checkReached(graph, isReached)];
}

/** Where each step leads, by its place among the nodes. */
type Ways = readonly (readonly number[])[];

function readWays({ nodes, edges }: Graph): Ways {
  const places = new Map(nodes.map(({ id }, i) => [id, i]));
  const ways: number[][] = nodes.map(() => []);
  for (const { from, to } of edges) {
    const [start, end] = [places.get(from), places.get(to)];
    if (start !== undefined && end !== undefined) ways[start]!.push(end);
  }
  return ways;
}

/** Steps that can be got to from one, itself included. @param without a step nobody passes, or -1 */
function reach(ways: Ways, from: number, without: number): Uint8Array {
  const isReached = new Uint8Array(ways.length);
  if (from < 0 || from === without) return isReached;
  isReached[from] = 1;
  const todo = [from];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    for (const next of ways[at]!) {
      if (isReached[next] === 1 || next === without) continue;
      isReached[next] = 1;
      todo.push(next);
    }
  }
  return isReached;
}

function checkPorts({ nodes }: Graph, ways: Ways): NodeProblem[] {
  return nodes.flatMap((node, i): NodeProblem[] => {
    if (ways[i]!.length > 0) return [];
    if (kindOf(node).group === 'condition') return [{ node: node.id, field: null, message: `Connect at least one way out: ${kindOf(node).ports(node.config).map((port) => port.label).join(' or ')}.`, severity: 'error' }];
    if (node.kind === 'entry' && nodes.length > 1) return [{ node: node.id, field: null, message: 'Nothing is connected to the entry: whoever enters is done at once.', severity: 'warning' }];
    return [];
  });
}

function checkReached({ nodes }: Graph, isReached: Uint8Array): NodeProblem[] {
  return nodes.filter((_, i) => isReached[i] !== 1).map((node) => ({ node: node.id, field: null, message: 'Nobody gets to this step: connect it to a step before it, or delete it.', severity: 'warning' }));
}

/** Steps that always take time. A date may be past and a window open: those let people through at once, round and round. */
const delays: ReadonlySet<NodeKindName> = new Set(['fixed-delay', 'wait-for-event']);
const SHOWN = 5;

/** Circles without a delay, each told once, on its first step: a depth-first search whose way back to a step it is still on closes one. */
function checkCircles({ nodes }: Graph, ways: Ways): NodeProblem[] {
  const problems: NodeProblem[] = [];
  /** 0: not seen, else one more than the place on the way, or -1 when all behind it was seen. */
  const state = new Int32Array(nodes.length);
  const told = new Set<number>();
  for (let start = 0; start < nodes.length; start += 1) {
    if (state[start] !== 0 || delays.has(nodes[start]!.kind)) continue;
    const way = [start];
    const next = [0];
    state[start] = 1;
    while (way.length > 0) {
      const at = way.at(-1)!;
      const to = ways[at]![next[next.length - 1]!++];
      if (to === undefined) {
        state[at] = -1;
        way.pop();
        next.pop();
      } else if (state[to] === 0 && !delays.has(nodes[to]!.kind)) {
        state[to] = way.push(to);
        next.push(0);
      } else if (state[to]! > 0 && !told.has(to)) {
        told.add(to);
        problems.push(circleProblem(way.slice(state[to]! - 1).map((i) => nodes[i]!)));
      }
    }
  }
  return problems;
}

function circleProblem(circle: readonly Graph['nodes'][number][]): NodeProblem {
  const names = circle.slice(0, SHOWN).map(sayStep);
  const round = [...names, ...(circle.length > SHOWN ? ['…'] : []), names[0]!].join(' → ');
  const short = circle.find(({ kind }) => kind === 'time-window' || kind === 'wait-until-date');
  const because = short === undefined ? 'goes round without a delay' : `goes round without a sure delay (${sayStep(short)} lets people through at once when its time has come)`;
  return { node: circle[0]!.id, field: null, message: `${round} ${because}. Put a Fixed Delay or a Wait for Event into the circle.`, severity: 'error' };
}

/** An Engagement Condition asks about a mail that was sent before it. */
function checkEngagement({ nodes }: Graph, ways: Ways, entry: number, isReached: Uint8Array): NodeProblem[] {
  const places = new Map(nodes.map(({ id }, i) => [id, i]));
  const bySend = new Map<number, number[]>();
  for (const [i, node] of nodes.entries()) {
    if (node.kind !== 'engagement-condition') continue;
    const { step } = readConfig(engagementCondition.form, node.config) as Partial<EngagementConditionConfig>;
    const send = step === undefined ? undefined : places.get(step);
    if (send === undefined || nodes[send]!.kind !== 'send') continue;
    bySend.set(send, [...(bySend.get(send) ?? []), i]);
  }
  const problems: NodeProblem[] = [];
  for (const [send, conditions] of bySend) {
    const after = reach(ways, send, -1);
    const around = reach(ways, entry, send);
    for (const i of conditions) {
      const name = sayStep(nodes[send]!);
      if (after[i] !== 1) problems.push({ node: nodes[i]!.id, field: 'step', message: `No way leads from ${name} to this condition. Choose an email that is sent before it.`, severity: 'error' });
      else if (isReached[i] === 1 && around[i] === 1) problems.push({ node: nodes[i]!.id, field: 'step', message: `Some people come here without having been sent ${name}; they take No.`, severity: 'warning' });
    }
  }
  return problems;
}
