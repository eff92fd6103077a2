import type { JourneyAnalytics } from '$lib/api/types.ts';
import { portsOf } from '$lib/canvas/ports.ts';
import { share } from '$lib/format/format.svelte.ts';
import { journeyText } from '$lib/strings/en/journeys.ts';
import type { GraphNode } from '#domain/journey/graph.ts';
import { passedOf } from './flow.ts';
import { familyOf } from './kinds.ts';

/** What is said in numbers of a step: the few at the foot of its card, all in its panel. */

export type StepNumbers = JourneyAnalytics['steps'][string];

export interface Figure {
  readonly key: string;
  readonly label: string;
  /** null: not told by the provider. */
  readonly value: number | null;
  /** Beside the number: a share. */
  readonly note?: string;
  readonly tone?: 'failed' | 'waiting';
}

const failedOf = (node: GraphNode, numbers: StepNumbers | undefined): number => (node.kind === 'send' ? (numbers?.mail?.failed ?? 0) : node.kind === 'webhook' ? (numbers?.ports['failed'] ?? 0) : 0);
const noted = (part: number, whole: number) => (whole === 0 ? {} : { note: share(part, whole) });

/** The few that fit on a card: who waits here, what became of the others. @param reached arrivals at it */
export function figuresOf(node: GraphNode, numbers: StepNumbers | undefined, reached: number): Figure[] {
  const text = journeyText.canvas;
  if (node.kind === 'entry') return [{ key: 'enrolled', label: text.enrolled, value: reached }];
  if (node.kind === 'exit') return [{ key: 'completed', label: text.completed, value: reached }];
  const waits = numbers?.waiting ?? 0;
  const waiting: Figure[] = waits > 0 || familyOf[node.kind] === 'delay' ? [{ key: 'waiting', label: text.waiting, value: waits, tone: 'waiting' }] : [];
  const failed = failedOf(node, numbers);
  const failures: Figure[] = failed > 0 ? [{ key: 'failed', label: text.failed, value: failed, tone: 'failed' }] : [];
  if (node.kind !== 'send') return [...waiting, { key: 'passed', label: text.passed, value: passedOf(numbers) }, ...failures];
  const mail = numbers?.mail;
  const sent = mail?.sent ?? 0;
  const rate = (key: 'opened' | 'clicked'): Figure => ({ key, label: text[key], value: mail?.[key] ?? 0, ...noted(mail?.[key] ?? 0, sent) });
  return [...waiting, { key: 'sent', label: text.sent, value: sent }, ...(waits > 0 && failed > 0 ? [] : [rate('opened')]), ...(waits > 0 || failed > 0 ? [] : [rate('clicked')]), ...failures];
}

/** Everything counted of a step, in the words of its family. */
export function allFiguresOf(node: GraphNode, numbers: StepNumbers | undefined, reached: number, portLabel: (port: string) => string): Figure[] {
  const text = journeyText.step;
  const ports = numbers?.ports ?? {};
  const [waiting, passed, failed, moved] = [numbers?.waiting ?? 0, passedOf(numbers) - (ports['moved'] ?? 0), failedOf(node, numbers), ports['moved'] ?? 0];
  const byHand: Figure[] = moved > 0 ? [{ key: 'moved', label: text.moved, value: moved }] : [];
  const overdue: Figure[] = (numbers?.overdue ?? 0) > 0 ? [{ key: 'overdue', label: text.overdue, value: numbers?.overdue ?? 0, tone: 'failed' }] : [];
  const here: Figure[] = [{ key: 'waiting', label: text.waiting, value: waiting, tone: 'waiting' }, ...overdue];
  const family = familyOf[node.kind];
  if (node.kind === 'entry') return [{ key: 'enrolled', label: text.enrolled, value: reached }];
  if (node.kind === 'exit') return [{ key: 'completed', label: text.left, value: reached }];
  if (family === 'delay') return [...here, { key: 'left', label: text.left, value: passed }, ...waysOf(node, numbers, passed, portLabel), ...byHand];
  if (family === 'condition') return [{ key: 'evaluated', label: text.evaluated, value: passed }, ...waysOf(node, numbers, passed, portLabel), ...(waiting > 0 ? here : overdue), ...byHand];
  const mail = numbers?.mail ?? null;
  const acted: Figure[] = [...here, { key: 'processed', label: text.processed, value: passed }, { key: 'successful', label: text.successful, value: node.kind === 'send' ? (mail?.sent ?? 0) : passed - failed, ...noted(node.kind === 'send' ? (mail?.sent ?? 0) : passed - failed, passed) }, { key: 'failed', label: text.failed, value: failed, ...(failed > 0 ? { tone: 'failed' as const } : {}) }];
  if (node.kind !== 'send') return [...acted, ...byHand];
  const sent = mail?.sent ?? 0;
  const counted = (key: 'opened' | 'clicked' | 'bounced', label: string): Figure => ({ key, label, value: mail?.[key] ?? 0, ...noted(mail?.[key] ?? 0, sent) });
  return [
    ...acted, { key: 'sent', label: text.sent, value: sent }, { key: 'delivered', label: text.delivered, value: mail === null ? 0 : mail.delivered, ...(mail?.delivered == null ? {} : noted(mail.delivered, sent)) },
    counted('opened', text.opened), counted('clicked', text.clicked), counted('bounced', text.bounced), { key: 'skipped', label: text.skipped, value: mail?.skipped ?? 0 }, ...byHand,
  ];
}

const waysOf = (node: GraphNode, numbers: StepNumbers | undefined, passed: number, portLabel: (port: string) => string): Figure[] =>
  portsOf(node).length < 2 ? [] : portsOf(node).map(({ id }) => ({ key: `port ${id}`, label: journeyText.step.path(portLabel(id)), value: numbers?.ports[id] ?? 0, ...noted(numbers?.ports[id] ?? 0, passed) }));

/** Of people who left a step by themselves, those by one port: `62.00 %`; nothing before anybody left. */
export function shareOf(numbers: StepNumbers | undefined, port: string): string {
  const all = passedOf(numbers) - (numbers?.ports['moved'] ?? 0);
  return all === 0 ? '' : share(numbers?.ports[port] ?? 0, all);
}
