import { toDocument, typedCustom, type CustomerRow } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';
import { begin, isDone, musterToken, newBoard, nextDue, place, ready, resume, settle, wake, type Arrival, type Board, type Token, type Visit } from '#domain/journey/board.ts';
import { nodeAfter, findNode, type Graph, type GraphNode } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import type { Change, JourneyEvent, MailFilter, Member, StepMail } from '#domain/journey/nodes/node.ts';
import type { RuleContext } from '#domain/segment/ast.ts';
import { durationMs } from '#domain/shared/forms.ts';
import { graphOf, span, type Piece } from './journey-dsl.ts';

export interface RunOptions {
  /** ISO; the clock begins here. */
  readonly now: string;
  readonly zone: string;
  readonly fields: readonly CustomField[];
  readonly segments: RuleContext['segments'];
  readonly journeyId: string;
}

/** A journey with people in it, all in memory: the board, the kinds of steps and a clock that moves when it is told. */
export function journey(...pieces: readonly Piece[]): JourneyRun {
  return new JourneyRun(graphOf(...pieces), {});
}

export class JourneyRun {
  readonly graph: Graph;
  readonly options: RunOptions;
  readonly board: Board = newBoard();
  readonly people: Person[] = [];
  now: number;
  #isPaused = false;
  #nextEvent = 1;

  constructor(graph: Graph, options: Partial<RunOptions>) {
    this.graph = graph;
    this.options = { now: '2026-03-02T08:00:00Z', zone: 'UTC', fields: [], segments: {}, journeyId: 'journey', ...options };
    this.now = Date.parse(this.options.now);
  }

  /** The same journey from another place or time. */
  with(options: Partial<RunOptions>): JourneyRun {
    return new JourneyRun(this.graph, { ...this.options, ...options });
  }

  enroll(...names: readonly string[]): Person[] {
    const entry = this.graph.nodes.find((node) => node.kind === 'entry')!;
    const entered = names.map((name) => new Person(this, this.people.length + 1, name));
    for (const person of entered) {
      this.people.push(person);
      this.arrive(person, nodeAfter(this.graph, entry.id, 'next'));
    }
    place(this.board, { ...musterToken, due: this.now });
    this.settle();
    return entered;
  }

  /** Moves the clock, waking at every due time between. */
  advance(text: string): void {
    const until = this.now + durationMs(span(text));
    for (let due = nextDue(this.board); due !== null && due <= until; due = nextDue(this.board)) {
      this.now = Math.max(this.now, due);
      this.settle();
    }
    this.now = until;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    resume(this.board);
    this.settle();
  }

  get isDone(): boolean {
    return isDone(this.board);
  }

  /** An event of hers reaches the waits it ends, and the cohort is woken. */
  happened(person: Person, event: Omit<JourneyEvent, 'id' | 'at' | 'machine'>): void {
    const full: JourneyEvent = { ...event, id: this.#nextEvent++, at: this.now, machine: false };
    const node = person.node;
    if (node === null || person.wokenBy !== null || kindOf(node).matches?.(node.config, full, this.mails) !== true || full.at < person.arrivedAt) return;
    person.wokenBy = full;
    wake(this.board, [node.id], this.now);
    this.settle();
  }

  readonly mails: MailFilter = {
    isOf: (mailNo, { campaign, journey: of, step }) => {
      if (mailNo === null) return false;
      const node = this.graph.nodes[mailNo];
      if (campaign !== undefined) return node === undefined && `campaign-${mailNo}` === campaign;
      return node !== undefined && (of === undefined || of === this.options.journeyId) && (step === undefined || step === node.id);
    },
  };

  settle(): void {
    for (let tokens = ready(this.board, this.now); tokens.length > 0; tokens = ready(this.board, this.now)) {
      for (const token of tokens) {
        begin(this.board, token);
        settle(this.board, token, this.#visit(token), this.now);
      }
    }
  }

  #visit(token: Token): Visit {
    if (this.#isPaused) return { arrivals: [], nextDue: null, paused: true };
    if (token.activity === 'muster') return { arrivals: this.graph.nodes.filter((node) => this.people.some((person) => person.node === node)).map((node) => this.#arrival('', node)), nextDue: null, paused: false };
    const node = findNode(this.graph, token.node)!;
    const arrivals = new Map<string, Arrival>();
    for (const person of this.people.filter((each) => each.node === node && (each.dueAt <= this.now || each.wokenBy !== null))) {
      const left = person.ask();
      if (left !== null && left.next !== undefined) arrivals.set(left.port, this.#arrival(left.port, left.next));
    }
    const resting = this.people.filter((each) => each.node === node).map((each) => each.dueAt);
    return { arrivals: [...arrivals.values()], nextDue: resting.length === 0 ? null : Math.min(...resting), paused: false };
  }

  #arrival(port: string, node: GraphNode): Arrival {
    return { port, node: node.id, activity: kindOf(node).activity!, title: node.name, count: 1 };
  }

  arrive(person: Person, node: GraphNode | undefined): void {
    person.wokenBy = null;
    person.arrivedAt = this.now;
    person.dueAt = this.now;
    person.visit += 1;
    person.node = node === undefined || node.kind === 'exit' ? null : node;
    if (node === undefined || node.kind === 'exit') person.state = 'completed';
    if (node?.kind === 'exit') person.endedAt = node.name;
  }
}

export class Person {
  state: 'active' | 'completed' = 'active';
  node: GraphNode | null = null;
  /** Name of the exit she came to. */
  endedAt: string | null = null;
  arrivedAt = 0;
  dueAt = 0;
  visit = 0;
  wokenBy: JourneyEvent | null = null;
  readonly sends: { node: string; sentAt: number; openedAt: number | null; clickedAt: number | null }[] = [];
  /** `step:port`, in order. */
  readonly path: string[] = [];
  readonly because: Record<string, unknown>[] = [];
  row: CustomerRow;
  readonly run: JourneyRun;

  constructor(run: JourneyRun, id: number, name: string) {
    this.run = run;
    this.row = {
      id, email: `${name}@example.com`, firstName: name, lastName: null, phone: null, city: null, country: null, score: null, timezone: null, custom: {}, isUnsubscribed: false, isBounced: false,
      isSuppressed: false, mailable: true, lists: [], activity: {}, createdAt: run.now, updatedAt: run.now,
    };
  }

  /** Names of the mails she got, in order. */
  get mails(): string[] {
    return this.sends.map(({ node }) => findNode(this.run.graph, node)!.name);
  }

  /** The name of the step she stands on. */
  get at(): string | null {
    return this.node?.name ?? null;
  }

  has(change: Partial<CustomerRow>): this {
    this.row = { ...this.row, ...change };
    return this;
  }

  opens(step: string): void {
    this.#engages(step, 'opened');
  }

  clicks(step: string): void {
    this.#engages(step, 'clicked');
  }

  /** An event of the organization's own. */
  does(name: string, properties: Readonly<Record<string, unknown>> = {}): void {
    this.run.happened(this, { type: 'custom', name, mailNo: null, properties });
  }

  #engages(step: string, type: 'opened' | 'clicked'): void {
    const sent = this.sends.findLast((mail) => findNode(this.run.graph, mail.node)!.name === step);
    if (sent === undefined) throw new Error(`${this.row.email} was not sent ${step}`);
    sent.openedAt ??= this.run.now;
    if (type === 'clicked') sent.clickedAt ??= this.run.now;
    this.run.happened(this, { type, name: null, mailNo: this.run.graph.nodes.findIndex((node) => node.id === sent.node), properties: {} });
  }

  /** Asks her step what becomes of her. @returns the port she left by and where it leads, or null when she stays */
  ask(): { readonly port: string; readonly next: GraphNode | undefined } | null {
    const { graph, now, options } = this.run;
    const node = this.node!;
    const rules: RuleContext = { catalogue: options.fields, zone: options.zone, now, lists: {}, segments: options.segments, sources: {}, customEvents: {} };
    const step = kindOf(node).step(node.config, this.#member(), { journeyId: options.journeyId, journeyName: 'Journey', graph, node, now, zone: options.zone, rules });
    if (step.kind === 'rest') {
      this.dueAt = step.until;
      return null;
    }
    if (step.kind === 'act' && node.kind === 'send') this.sends.push({ node: node.id, sentAt: now, openedAt: null, clickedAt: null });
    const port = step.kind === 'act' ? 'next' : step.port;
    if (step.kind === 'go' && step.change !== undefined) this.#change(step.change);
    this.path.push(`${node.name}:${port}`);
    this.because.push({ ...(step.kind === 'go' ? step.because : {}) });
    const next = nodeAfter(graph, node.id, port);
    this.run.arrive(this, next);
    return { port, next: this.node ?? undefined };
  }

  #member(): Member {
    const { row, arrivedAt, wokenBy, visit } = this;
    const { fields, zone } = this.run.options;
    const typed = Object.entries(typedCustom(row.custom, fields)).map(([key, value]) => [`custom.${key}`, value] as const);
    return {
      enrollmentId: row.id, customerId: row.id, visit, arrivedAt, wokenBy, timezone: row.timezone, event: null, sends: this.sends as StepMail[],
      fields: { email: row.email, first_name: row.firstName, score: row.score, city: row.city, ...Object.fromEntries(typed) }, document: toDocument(row, fields, zone),
    };
  }

  #change(change: Change): void {
    if (change.kind === 'list') {
      const others = this.row.lists.filter((list) => list !== change.listId);
      this.has({ lists: change.in ? [...others, change.listId] : others });
    } else if (change.field === 'score') {
      const amount = Number(change.value ?? 0);
      this.has({ score: change.mode === 'clear' ? null : change.mode === 'set' ? amount : (this.row.score ?? 0) + (change.mode === 'add' ? amount : -amount) });
    } else if (change.field.startsWith('custom.')) {
      const { [change.field.slice(7)]: _before, ...others } = this.row.custom;
      this.has({ custom: change.mode === 'clear' ? others : { ...others, [change.field.slice(7)]: String(change.value) } });
    }
  }
}
