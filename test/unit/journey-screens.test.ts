import { describe, expect, test } from 'vitest';
import type { Graph, GraphNode, NodeKindName } from '../../workflows/domain/journey/graph.ts';
import { addressesIn } from '../../ui/src/lib/journey/addresses.ts';
import { funnelOf, reachedOf, type CountedSteps } from '../../ui/src/lib/journey/flow.ts';

/** What the screens of a journey make of its counters before they are drawn. */

const step = (id: string, kind: NodeKindName): GraphNode => ({ id, kind, name: id, config: {}, x: 0, y: 0 });
/** Welcome, a wait, who opened: the offer or the reminder, then both go on to the end. */
const graph: Graph = {
  nodes: [step('entry', 'entry'), step('welcome', 'send'), step('wait', 'fixed-delay'), step('opened', 'engagement-condition'), step('offer', 'send'), step('reminder', 'send'), step('end', 'exit')],
  edges: [
    { from: 'entry', port: 'next', to: 'welcome' }, { from: 'welcome', port: 'next', to: 'wait' }, { from: 'wait', port: 'next', to: 'opened' },
    { from: 'opened', port: 'yes', to: 'offer' }, { from: 'opened', port: 'no', to: 'reminder' }, { from: 'offer', port: 'next', to: 'end' }, { from: 'reminder', port: 'next', to: 'end' },
  ],
};
const none = { waiting: 0, ports: {}, ended: {} };
const steps: CountedSteps = {
  welcome: { ...none, ports: { next: 100 } },
  wait: { ...none, waiting: 30, ports: { next: 65 }, ended: { unsubscribed: 5 } },
  opened: { ...none, ports: { yes: 40, no: 25 } },
  offer: { ...none, ports: { next: 40 } },
  reminder: { ...none, waiting: 1, ports: { next: 24 } },
  end: { ...none, ended: { completed: 64 } },
};

describe('arrivals', () => {
  const reached = reachedOf(graph, steps, 100);
  test('are the departures that lead to a step, joined branches together', () => expect(Object.fromEntries(reached)).toEqual({ entry: 100, welcome: 100, wait: 100, opened: 65, offer: 40, reminder: 25, end: 64 }));
  test('count whom a person moved there, who came by no way', () => expect(reachedOf(graph, { ...steps, offer: { ...none, waiting: 3, ports: { next: 40 } } }, 100).get('offer')).toBe(43));
  test('are none before anybody came', () => expect([...reachedOf(graph, {}, 0).values()].every((n) => n === 0)).toBe(true));
});

describe('the funnel', () => {
  const rows = funnelOf(graph, steps, 100);
  test('goes the way most people took', () => expect(rows.map(({ node }) => node.id)).toEqual(['entry', 'welcome', 'wait', 'opened', 'offer', 'end']));
  test('says of every step who did not come along: waiting, another way, ended', () => {
    expect(rows.map(({ reached, waiting, elsewhere, ended }) => [reached, waiting, elsewhere, ended])).toEqual([[100, 0, 0, 0], [100, 0, 0, 0], [100, 30, 0, 5], [65, 0, 25, 0], [40, 0, 0, 0], [64, 0, 0, 64]]);
  });
  test('accounts for everybody at each step but where branches join', () => {
    for (const [index, row] of rows.entries()) {
      const next = rows[index + 1];
      if (next !== undefined && next.node.kind !== 'exit') expect(row.reached - row.waiting - row.elsewhere - row.ended).toBe(next.reached);
    }
  });
  test('ends where a port is open: who leaves by it has ended', () => {
    const open: Graph = { nodes: graph.nodes.slice(0, 2), edges: graph.edges.slice(0, 1) };
    expect(funnelOf(open, { welcome: { ...none, ports: { next: 90 }, waiting: 10 } }, 100).at(-1)).toMatchObject({ reached: 100, waiting: 10, elsewhere: 0, ended: 90 });
  });
  test('follows a loop once', () => {
    const loop: Graph = { nodes: graph.nodes.slice(0, 3), edges: [...graph.edges.slice(0, 2), { from: 'wait', port: 'next', to: 'welcome' }] };
    expect(funnelOf(loop, { welcome: { ...none, ports: { next: 300 } }, wait: { ...none, waiting: 100, ports: { next: 200 } } }, 100).map(({ node }) => node.id)).toEqual(['entry', 'welcome', 'wait']);
  });
});

describe('typed addresses', () => {
  test.each([
    ['ada@example.com, bob@example.com;cy@example.com\ndee@example.com', ['ada@example.com', 'bob@example.com', 'cy@example.com', 'dee@example.com']],
    ['ada@example.com bob@example.com', ['ada@example.com', 'bob@example.com']],
    ['Ada Quill <ada@example.com>, bob@example.com', ['ada@example.com', 'bob@example.com']],
    ['nobody at example', ['nobody at example']],
    ['Ada@example.com\nada@EXAMPLE.com', ['Ada@example.com']],
    [' ,;\n ', []],
  ])('%j', (text, found) => expect(addressesIn(text)).toEqual(found));
});
