import type { EntryConfig } from '#domain/journey/entry.ts';
import type { Edge, Graph, GraphNode, NodeKindName } from '#domain/journey/graph.ts';
import { kindOf, nodeKinds } from '#domain/journey/nodes/index.ts';
import type { Duration, DurationUnit } from '#domain/shared/forms.ts';
import type { Operator } from '#domain/segment/operators.ts';

/**
 * Journeys as the product speaks of them: `graphOf(send('welcome'), wait('3d'), condition(opened('welcome'), send('offer'), send('reminder')))`.
 * What follows a condition is where its open ends meet again.
 */

export interface Piece {
  readonly kind: NodeKindName;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** What comes next by port; ports that are not named go on with what follows the piece. */
  readonly by?: Readonly<Record<string, Pieces>>;
}

type Pieces = Piece | readonly Piece[];

/** The journey as a graph: ids are the names in small letters, numbered where they come twice. */
export function graphOf(...pieces: readonly Piece[]): Graph {
  const nodes: GraphNode[] = [];
  const edges: Edge[] = [];
  const add = ({ kind, name, config }: Piece): GraphNode => {
    const wanted = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
    let id = wanted;
    for (let n = 2; nodes.some((node) => node.id === id); n += 1) id = `${wanted}-${n}`;
    const node = { id, kind, name, config, x: 0, y: nodes.length * 150 };
    nodes.push(node);
    return node;
  };
  interface End { readonly from: string; readonly port: string }
  const chain = (parts: readonly Piece[], start: readonly End[]): readonly End[] => {
    let ends = start;
    for (const part of parts) {
      const node = add(part);
      for (const end of ends) edges.push({ ...end, to: node.id });
      ends = kindOf(node).ports(node.config).flatMap((port) => {
        const branch = part.by?.[port.id];
        const own = [{ from: node.id, port: port.id }];
        return branch === undefined ? own : chain([branch].flat(), own);
      });
    }
    return ends;
  };
  const [first] = pieces;
  chain(first?.kind === 'entry' ? pieces : [enters({ kind: 'manual' }), ...pieces], []);
  return { nodes, edges };
}

const piece = (kind: NodeKindName, name: string, config: Piece['config'], by?: Piece['by']): Piece => ({ kind, name, config, ...(by === undefined ? {} : { by }) });

export function enters(trigger: EntryConfig['trigger'], rest: Partial<EntryConfig> = {}): Piece {
  return piece('entry', 'entry', { trigger, reentry: 'once', goal: null, exits: { goal: true }, ...rest });
}

export function send(name: string, config: Piece['config'] = {}): Piece {
  const html = `<p>${name}</p><p><a href="https://example.com/${encodeURIComponent(name)}">More</a></p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>`;
  return piece('send', name, { subject: name, fromName: 'Shop', fromEmail: 'news@example.com', html, connection: 'smtp', ...config });
}

/** `3d`, `90m`, `2h`, `1w`. */
export function span(text: string): Duration {
  const units: Readonly<Record<string, DurationUnit>> = { m: 'minutes', h: 'hours', d: 'days', w: 'weeks' };
  const [, amount, letter] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  if (letter === undefined) throw new Error(`"${text}" is no span like 3d`);
  return { amount: Number(amount), unit: units[letter]! };
}

export const wait = (text: string): Piece => piece('fixed-delay', `wait ${text}`, { duration: span(text) });

/** What a condition asks. */
export interface Question {
  readonly kind: NodeKindName;
  readonly name: string;
  readonly config: Piece['config'];
}

export const opened = (step: string, within?: string): Question => engagement(step, 'opened', within);
export const clicked = (step: string, within?: string): Question => engagement(step, 'clicked', within);

function engagement(step: string, did: 'opened' | 'clicked', within: string | undefined): Question {
  return { kind: 'engagement-condition', name: `${did} ${step}`, config: { step, did, ...(within === undefined ? {} : { within: span(within) }) } };
}

export function holds(field: string, operator: Operator, value?: unknown): Question {
  return { kind: 'field-condition', name: `${field} ${operator}`, config: { field, comparison: { operator, ...(value === undefined ? {} : { value }) } } };
}

export const inSegment = (segment: string): Question => ({ kind: 'segment-condition', name: `in ${segment}`, config: { segment } });

export function did(event: string, more: Piece['config'] = {}): Question {
  return { kind: 'event-condition', name: `did ${event}`, config: { event: eventOf(event), ...more } };
}

export function condition({ kind, name, config }: Question, yes: Pieces, no: Pieces = []): Piece {
  return piece(kind, name, config, { yes, no });
}

/** An event of mail by its name, else one of the organization's own. */
function eventOf(name: string): { type: string; name?: string } {
  return ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed'].includes(name) ? { type: name } : { type: 'custom', name };
}

export function waitFor(event: string, timeout: string, happened: Pieces, timedOut: Pieces, more: Piece['config'] = {}): Piece {
  return piece('wait-for-event', `wait for ${event}`, { event: eventOf(event), timeout: span(timeout), ...more }, { happened, timed_out: timedOut });
}

export function untilDate(field: string, reached: Pieces, noDate: Pieces = [], more: Piece['config'] = {}): Piece {
  return piece('wait-until-date', `until ${field}`, { field, ...more }, { reached, no_date: noDate });
}

export const timeWindow = (config: Piece['config'] = {}): Piece => piece('time-window', 'window', config);

export function split(...branches: readonly (readonly [percent: number, then: Pieces])[]): Piece {
  return piece('percentage-split', 'split', { branches: branches.map(([percent]) => ({ label: '', percent })) }, Object.fromEntries(branches.map(([, then], i) => [String.fromCharCode(97 + i), then])));
}

export function holdout(percent: number, heldOut: Pieces = []): Piece {
  return piece('holdout', 'holdout', { percent }, { held_out: heldOut });
}

export const update = (field: string, config: Piece['config']): Piece => piece('update-field', `update ${field}`, { field, ...config });
export const addTo = (list: string): Piece => piece('add-to-list', `add to ${list}`, { list });
export const removeFrom = (list: string): Piece => piece('remove-from-list', `remove from ${list}`, { list });
export const exit = (label: string): Piece => piece('exit', label, { label });

export function webhook(url: string, failed: Pieces = []): Piece {
  return piece('webhook', 'webhook', { url, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }, { failed });
}

/** A step of a kind as the palette would place it. */
export function fresh(kind: NodeKindName, id: string = kind): GraphNode {
  return { id, kind, name: nodeKinds[kind].label, config: {}, x: 0, y: 0 };
}
