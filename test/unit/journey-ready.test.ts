import { expect, test } from 'vitest';
import { checkMail } from '#domain/content/check.ts';
import { checkGraph } from '#domain/journey/check.ts';
import { parseGraph, type GraphNode } from '#domain/journey/graph.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import { readyJourneys } from '#domain/journey/ready/index.ts';
import type { World } from '#domain/journey/world.ts';
import { JourneyRun } from '../support/journey-run.ts';

const customKeys = ['lifecycle_stage', 'last_journey'];
const catalogue = customKeys.map((key, i) => ({ no: i + 1, key, label: key, type: 'text' as const, slot: `k${i}` }));

function mailProblems(node: GraphNode) {
  const { subject, preheader, fromName, html, text } = node.config as Record<'subject' | 'preheader' | 'fromName' | 'html' | 'text', string>;
  const report = checkMail({ subject, preheader, fromName, html, text }, { customKeys: new Set(customKeys), at: 'launch' });
  // Where buttons lead is for people to choose.
  return [...report.errors, ...report.warnings.filter(({ message }) => !message.startsWith('This link still leads to https://example.com/'))].map(({ field, message }) => ({ field, message, severity: 'error' as const }));
}
const world: World = { has: () => true, hasStep: () => true, catalogue, zone: 'UTC', now: Date.parse('2026-03-02T12:00:00Z'), mailProblems };

test('there are the six of the product', () => {
  expect(readyJourneys.map(({ id }) => id)).toEqual(['welcome-series', 'win-back', 'drip', 'event-follow-up', 'behavioural-trigger', 'data-enrichment']);
});

test.each(readyJourneys)('$name: nothing is wrong but what only people can choose, mails without a warning', ({ graph }) => {
  expect(parseGraph(JSON.parse(JSON.stringify(graph)))).toEqual({ graph });
  const chosen = new Set(['list', 'trigger.list', 'connection', 'fromEmail', 'url', 'secret']);
  expect(checkGraph(graph, world).filter(({ field }) => field === null || !chosen.has(field))).toEqual([]);
  const filled = { ...graph, nodes: graph.nodes.map(fill) };
  expect(checkGraph(filled, world)).toEqual([]);
});

/** What a person would choose. */
function fill(node: GraphNode): GraphNode {
  const config: Record<string, unknown> = { ...node.config };
  for (const { name, required } of nodeKinds[node.kind].form) {
    if (required !== true || (config[name] !== undefined && config[name] !== '')) continue;
    const choice = ({ fromEmail: 'news@example.com', url: 'https://example.com/hook', secret: 'whsec_x', connection: 'smtp', list: 'news' } as Record<string, unknown>)[name];
    if (choice !== undefined) config[name] = choice;
  }
  const { trigger } = config as { trigger?: { kind: string } };
  if (trigger?.kind === 'list') config['trigger'] = { kind: 'list', list: 'news' };
  return { ...node, config };
}

test.each(readyJourneys)('$name: no two cards touch, ids are words, every step is reached', ({ graph }) => {
  for (const a of graph.nodes) {
    expect(a.id).toMatch(/^[a-z0-9-]+$/);
    for (const b of graph.nodes) if (a !== b) expect(Math.abs(a.x - b.x) >= 260 || Math.abs(a.y - b.y) >= 120).toBe(true);
  }
  for (const { from, to } of graph.edges) expect(graph.nodes.find(({ id }) => id === to)!.y).toBeGreaterThan(graph.nodes.find(({ id }) => id === from)!.y);
});

const run = (id: string, options: ConstructorParameters<typeof JourneyRun>[1] = {}) => new JourneyRun(readyJourneys.find((ready) => ready.id === id)!.graph, { fields: catalogue, ...options });

test('welcome series: who opens the welcome gets the next steps, the others are welcomed again, and all are asked', () => {
  const journey = run('welcome-series');
  const [ada, bob] = journey.enroll('ada', 'bob');
  ada!.opens('Welcome');
  journey.advance('8d');
  expect([ada!.mails, bob!.mails]).toEqual([['Welcome', 'Next steps', 'One question'], ['Welcome', 'Welcome again', 'One question']]);
});

test('win-back: an offer for those who look, a goodbye for all', () => {
  const journey = run('win-back');
  const [ada, bob] = journey.enroll('ada', 'bob');
  journey.advance('1d');
  ada!.opens('What you missed');
  for (let week = 0; week < 4; week += 1) journey.advance('1w');
  expect([ada!.mails, bob!.mails]).toEqual([['What you missed', 'An offer', 'Goodbye'], ['What you missed', 'In other words', 'Goodbye']]);
  expect(ada!.endedAt).toBe('No answer');
});

test('drip: four mails a week apart', () => {
  const journey = run('drip', { zone: 'Europe/Berlin', now: '2026-03-16T08:00:00Z' });
  const [ada] = journey.enroll('ada');
  for (let week = 0; week < 4; week += 1) journey.advance('1w');
  expect(ada!.sends.map(({ sentAt }) => new Date(sentAt).toISOString())).toEqual(['2026-03-16T08:00:00.000Z', '2026-03-23T08:00:00.000Z', '2026-03-30T07:00:00.000Z', '2026-04-06T07:00:00.000Z']);
});

test('event follow-up: Saturday’s click is answered on Monday at nine', () => {
  const journey = run('event-follow-up', { zone: 'Europe/Berlin', now: '2026-03-07T15:00:00Z' });
  const [ada, bob] = journey.enroll('ada', 'bob');
  journey.advance('2d');
  expect(ada!.sends.map(({ sentAt }) => new Date(sentAt).toISOString())).toEqual(['2026-03-09T08:00:00.000Z']);
  bob!.clicks('Follow-up');
  journey.advance('3d');
  expect([ada!.endedAt, bob!.endedAt]).toEqual(['Reminded', 'Interested']);
});

test('behavioural trigger: buyers take “happened”, the others are reminded twice', () => {
  const journey = run('behavioural-trigger');
  const [ada, bob, cem] = journey.enroll('ada', 'bob', 'cem');
  journey.advance('1h');
  ada!.does('order_placed');
  journey.advance('3h');
  bob!.does('order_placed');
  journey.advance('2d');
  expect([ada!, bob!, cem!].map(({ mails, endedAt }) => [mails.length, endedAt])).toEqual([[0, 'Bought'], [1, 'Bought after all'], [2, 'Reminded twice']]);
});

test('data enrichment: ten points, and at fifty a stage and a place on the list', () => {
  const [ada] = run('data-enrichment').enroll('ada');
  expect([ada!.row.score, ada!.endedAt]).toEqual([10, 'Collecting points']);
  const journey = run('data-enrichment');
  journey.pause();
  const [bob] = journey.enroll('bob');
  bob!.has({ score: 45 });
  journey.resume();
  journey.advance('1m');
  expect([bob!.row.score, bob!.row.custom, bob!.path.map((left) => left.replace(/:[a-z_]+$/, ''))]).toEqual([55, { lifecycle_stage: 'active', last_journey: 'Journey' }, ['Ten points', '50 points or more?', 'Stage: active', 'Last journey', 'Engaged people', 'Tell our system']]);
});
