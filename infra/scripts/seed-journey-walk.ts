import { nodeAfter, type Graph } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import type { JourneyEvent, StepMail } from '#domain/journey/nodes/node.ts';

/** Somebody of the demo on her way: times in epoch ms. */
export interface Walker {
  readonly customerId: number;
  readonly timezone: string | null;
  readonly enteredAt: number;
  /** The same number in [0, 1) for the same salt at every run. */
  chance(salt: number): number;
}

export interface WalkedMail {
  readonly node: string;
  readonly visit: number;
  readonly sentAt: number;
  readonly openedAt: number | null;
  readonly clickedAt: number | null;
  readonly unsubscribedAt: number | null;
}

/** What became of her until now, in the terms of the tables. */
export interface Walk {
  readonly customerId: number;
  readonly enteredAt: number;
  readonly node: string;
  readonly visit: number;
  readonly state: 'active' | 'completed' | 'exited';
  readonly reason: 'goal' | 'unsubscribed' | null;
  readonly arrivedAt: number;
  readonly dueAt: number | null;
  readonly wake: string | null;
  readonly endedAt: number | null;
  readonly path: readonly { readonly node: string; readonly visit: number; readonly port: string; readonly arrivedAt: number; readonly leftAt: number; readonly because: object | null }[];
  readonly mails: readonly WalkedMail[];
  readonly orderedAt: number | null;
  /** Lists she was put on. */
  readonly lists: readonly string[];
}

export interface Surrounding {
  readonly journeyId: string;
  readonly journeyName: string;
  readonly graph: Graph;
  /** By id. */
  readonly listNames: ReadonlyMap<string, string>;
  /** The organization's. */
  readonly zone: string;
  readonly now: number;
}

const [MINUTE, HOUR] = [60_000, 3_600_000];
/** Shares of readers: of those mailed who open, of those who open and click, of those who click and order; of those mailed who leave. */
const [OPEN, CLICK, ORDER, LEAVE] = [0.54, 0.31, 0.34, 0.012];

/** Takes her through the journey as the engine would have: every step decides by itself, readers as people do. */
export function walk({ customerId, timezone, enteredAt, chance }: Walker, { journeyId, journeyName, graph, listNames, zone, now }: Surrounding): Walk {
  const entry = graph.nodes.find((node) => node.kind === 'entry')!;
  const path: Walk['path'][number][] = [];
  const mails: WalkedMail[] = [];
  const lists: string[] = [];
  let orderedAt = Infinity;
  let node = nodeAfter(graph, entry.id, 'next')!;
  let [visit, arrivedAt, at] = [1, enteredAt, enteredAt];
  const leavesAt = () => Math.min(orderedAt, ...mails.map((mail) => mail.unsubscribedAt ?? Infinity));
  const walked = (end: Pick<Walk, 'state' | 'reason' | 'dueAt' | 'wake' | 'endedAt'>): Walk => ({
    customerId, enteredAt, node: node.id, visit, arrivedAt, path, lists, orderedAt: orderedAt > now ? null : orderedAt,
    mails: mails.map((mail) => ({ ...mail, openedAt: upTo(now, mail.openedAt), clickedAt: upTo(now, mail.clickedAt), unsubscribedAt: upTo(now, mail.unsubscribedAt) })), ...end,
  });

  let wokenBy: JourneyEvent | null = null;
  for (;;) {
    const sends: StepMail[] = mails.map((mail) => ({ node: mail.node, sentAt: mail.sentAt, openedAt: upTo(at, mail.openedAt), clickedAt: upTo(at, mail.clickedAt) }));
    const step = kindOf(node).step(node.config, { enrollmentId: 0, customerId, visit, arrivedAt, wokenBy, timezone, sends, event: null }, { journeyId, journeyName, graph, node, now: at, zone, rules: null });
    wokenBy = null;
    let port = 'next';
    let because: object | null = null;
    if (step.kind === 'rest') {
      const wakeAt = step.wake === undefined ? Infinity : Math.min(...mails.map((mail) => mail.clickedAt ?? Infinity).filter((click) => click > arrivedAt));
      const until = Math.min(step.until, wakeAt);
      const gone = leavesAt();
      if (gone <= Math.min(until, now)) return walked({ state: 'exited', reason: gone === orderedAt ? 'goal' : 'unsubscribed', dueAt: null, wake: null, endedAt: gone });
      if (until > now) return walked({ state: 'active', reason: null, dueAt: step.until, wake: step.wake ?? null, endedAt: null });
      at = until;
      if (wakeAt < step.until) wokenBy = { id: 0, type: 'clicked', name: null, mailNo: null, at: wakeAt, machine: false, properties: {} };
      continue;
    }
    if (step.kind === 'act') {
      const mail = read(node.id, visit, at + 1_500 + 3_000 * chance(10 * visit), (salt) => chance(100 * visit + salt));
      mails.push(mail);
      at = mail.sentAt;
      if (mail.clickedAt !== null && chance(100 * visit + 7) < ORDER) orderedAt = Math.min(orderedAt, mail.clickedAt + (4 + 40 * chance(100 * visit + 8)) * MINUTE);
    } else {
      port = step.port;
      because = step.because ?? null;
      if (step.change?.kind === 'list') {
        lists.push(step.change.listId);
        because = { list: listNames.get(step.change.listId) };
      }
    }
    path.push({ node: node.id, visit, port, arrivedAt, leftAt: at, because });
    const next = nodeAfter(graph, node.id, port);
    if (next !== undefined) {
      node = next;
      visit += 1;
      arrivedAt = at;
    }
    if (next === undefined || next.kind === 'exit') return walked({ state: 'completed', reason: null, dueAt: null, wake: null, endedAt: at });
  }
}

const upTo = (now: number, time: number | null): number | null => (time === null || time > now ? null : time);

/** Most who open do within hours, few on another day. */
function read(node: string, visit: number, sentAt: number, chance: (salt: number) => number): WalkedMail {
  const openedAt = chance(1) < OPEN ? sentAt + (0.1 + 3 * chance(2) + 30 * chance(3) ** 4) * HOUR : null;
  const clickedAt = openedAt !== null && chance(4) < CLICK ? openedAt + (0.3 + 6 * chance(5)) * MINUTE : null;
  return { node, visit, sentAt, openedAt, clickedAt, unsubscribedAt: chance(6) < LEAVE ? (openedAt ?? sentAt) + 2 * MINUTE : null };
}
