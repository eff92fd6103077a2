import type { NodeActivity } from './nodes/node.ts';

/** What a cohort's workflow knows: at which nodes someone of the cohort stands and when they are asked next. No people. */
export interface Board {
  /** At most one a node, none of a node that is being visited. */
  readonly waiting: Waiting[];
  /** Nodes whose activity runs. */
  readonly visiting: Visiting[];
  /** Nothing is started until somebody resumes. */
  paused: boolean;
  /** How often somebody resumed: a visit that began before does not know of it. */
  resumes: number;
  /** Visits begun. */
  visits: number;
}

export interface Token {
  readonly node: string;
  /** `muster`: finds out where people of the cohort stand, and acts on nobody. */
  readonly activity: NodeActivity | 'muster';
  /** For people: as Temporal's UI names the visit. */
  readonly title: string;
  /** Epoch ms. */
  readonly due: number;
}

/** What a visit of a node tells: counts and times, no ids. */
export interface Visit {
  readonly arrivals: readonly Arrival[];
  /** When those who stay are asked next; null: nobody stays, or only an event wakes them. */
  readonly nextDue: number | null;
  /** It found the journey paused: whoever it has not moved is still to be visited. */
  readonly paused: boolean;
}

export interface Arrival {
  readonly port: string;
  readonly node: string;
  readonly activity: NodeActivity | 'muster';
  readonly title: string;
  readonly count: number;
  /** When the first of them is asked, epoch ms; without one at once. */
  readonly due?: number;
}

interface Waiting extends Token {
  /** Not before, however often it is woken. */
  readonly notBefore: number;
}

interface Visiting extends Token {
  readonly resumes: number;
  /** It has to be visited once more from this instant on: somebody arrived or was woken meanwhile. */
  again: number | null;
}

/** A node begins at most one visit in this time, so that a storm of events is one visit. */
export const REARM_MS = 1_000;

/** The token whose visit musters the whole cohort: where a run begins that has no tokens, and where a wake leads whose node is not on the board. */
export const musterToken: Token = { node: '*', activity: 'muster', title: 'Muster', due: 0 };

export function newBoard(): Board {
  return { waiting: [], visiting: [], paused: false, resumes: 0, visits: 0 };
}

/** Someone stands at a node: it is visited when the token is due, or sooner if it was due sooner already. */
export function place(board: Board, token: Token): void {
  put(board, token, 0);
}

function put(board: Board, { node, activity, title, due }: Token, notBefore: number): void {
  const visiting = board.visiting.find((each) => each.node === node);
  if (visiting !== undefined) {
    visiting.again = Math.min(visiting.again ?? due, due);
    return;
  }
  const i = board.waiting.findIndex((each) => each.node === node);
  const known = board.waiting[i];
  if (known === undefined) board.waiting.push({ node, activity, title, due: Math.max(due, notBefore), notBefore });
  else board.waiting[i] = { node, activity, title, due: Math.max(Math.min(known.due, due), known.notBefore), notBefore: known.notBefore };
}

/** Tokens whose visit is to begin now, each with `due` set to this instant. */
export function ready(board: Board, now: number): Token[] {
  if (board.paused) return [];
  return board.waiting.filter((token) => token.due <= now).map(({ node, activity, title }) => ({ node, activity, title, due: now }));
}

/** A visit begins. @param token one of `ready` */
export function begin(board: Board, token: Token): void {
  const i = board.waiting.findIndex((each) => each.node === token.node);
  if (i !== -1) board.waiting.splice(i, 1);
  board.visiting.push({ ...token, resumes: board.resumes, again: null });
  board.visits += 1;
}

/**
 * A visit has ended. Whoever stays is visited again when it says so; who arrived or was woken during the visit may have come
 * too late for it, so the node is visited once more. "Paused" counts unless somebody resumed since the visit began.
 */
export function settle(board: Board, token: Token, visit: Visit, now: number): void {
  const i = board.visiting.findIndex((each) => each.node === token.node);
  const visiting = board.visiting[i];
  if (visiting === undefined) return;
  board.visiting.splice(i, 1);
  if (visit.paused && visiting.resumes === board.resumes) pause(board);
  // Whom a paused visit has not moved is due as before.
  const dues = [visit.paused ? now : visit.nextDue, visiting.again].filter((due) => due !== null);
  if (dues.length > 0) put(board, { ...token, due: Math.min(...dues) }, visiting.due + REARM_MS);
  for (const { node, activity, title, due } of visit.arrivals) put(board, { node, activity, title, due: due ?? now }, 0);
}

/** Someone at these nodes was woken. A node that is not on the board is looked for among the rows. */
export function wake(board: Board, nodes: readonly string[], now: number): void {
  for (const node of nodes) {
    const known = board.waiting.find((each) => each.node === node) ?? board.visiting.find((each) => each.node === node) ?? musterToken;
    put(board, { ...known, due: now }, 0);
  }
}

/** No visit begins until `resume`; those under way end by themselves. */
export function pause(board: Board): void {
  board.paused = true;
}

/** What became due during the pause goes on at once. */
export function resume(board: Board): void {
  board.paused = false;
  board.resumes += 1;
}

/** When the next visit can begin, epoch ms; null while nothing is waited for but the end of visits, events or a resume. */
export function nextDue(board: Board): number | null {
  if (board.paused || board.waiting.length === 0) return null;
  return board.waiting.reduce((first, { due }) => Math.min(first, due), Infinity);
}

/** Whether nobody of the cohort stands anywhere any more. */
export function isDone(board: Board): boolean {
  return board.waiting.length === 0 && board.visiting.length === 0;
}

/** Whether no visit is under way. */
export function isIdle(board: Board): boolean {
  return board.visiting.length === 0;
}

/** What the next run of the workflow begins with. Only of an idle board. */
export function tokensOf(board: Board): Token[] {
  return board.waiting.map(({ node, activity, title, due }) => ({ node, activity, title, due }));
}
