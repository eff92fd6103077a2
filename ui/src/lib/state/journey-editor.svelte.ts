import { untrack } from 'svelte';
import { get, patch, post, put, remove } from '$lib/api/client.ts';
import type { ApiError } from '$lib/api/client.ts';
import type { components } from '$lib/api/schema.d.ts';
import type { Reply } from '$lib/api/types.ts';
import { clipOf, configured, connected, disconnected, moved, pasted, renamed, withoutSteps, withStep, type Clip, type Spot } from '$lib/canvas/edit.ts';
import type { Place } from '$lib/canvas/geometry.ts';
import { mentionsOf } from '$lib/canvas/mentions.ts';
import { flowOrder } from '$lib/canvas/order.ts';
import { edgeId, portsOf } from '$lib/canvas/ports.ts';
import { journeyTags } from '$lib/canvas/tags.ts';
import { begin, record, redo, undo, type Timeline } from '$lib/canvas/timeline.ts';
import { builder as text } from '$lib/strings/en/journey-builder.ts';
import type { Edge, Graph, GraphNode, NodeKindName } from '#domain/journey/graph.ts';
import { Action } from './action.svelte.ts';
import { JourneyChoices } from './journey-choices.svelte.ts';
import { JourneyDryRun } from './journey-dry-run.svelte.ts';
import { Resource, toApiError } from './resource.svelte.ts';

type Journey = components['schemas']['Journey'];
type Draft = components['schemas']['JourneyDraft'];
export type StepProblem = components['schemas']['JourneyProblem'];
export type Moving = components['schemas']['JourneyMoving'];
export type SaveState = 'saved' | 'dirty' | 'saving' | 'failed' | 'conflict';
/** What stands beside the canvas. */
export type Panel = 'step' | 'problems' | 'dry-run';

const SAVE_AFTER_MS = 700;
/** A server that could not be reached is tried again. */
const RETRY_MS = 4_000;
const none: ReadonlySet<string> = new Set();

/** A journey's draft being drawn: every change is a step that can be taken back, and is saved by itself. */
export class JourneyEditor {
  journey: Resource<Journey>;
  choices = new JourneyChoices();
  dryRun: JourneyDryRun;
  loadError = $state.raw<ApiError | null>(null);
  /** There is no draft to edit: a live version stands alone. */
  isMissing = $state(false);
  #timeline = $state.raw<Timeline<Graph> | null>(null);
  /** Ids of steps, and of ways (`edgeId`). */
  selected = $state.raw<ReadonlySet<string>>(none);
  selectedWays = $state.raw<ReadonlySet<string>>(none);
  panel = $state<Panel | null>(null);
  problems = $state.raw<readonly StepProblem[]>([]);
  saveState = $state<SaveState>('saved');
  savedAt = $state<string | null>(null);
  saveError = $state.raw<ApiError | null>(null);
  /** Told to those who do not see the canvas. */
  announcement = $state('');
  /** A step the canvas shall bring into view, and give the focus. */
  wanted = $state.raw<{ readonly id: string; readonly focus: boolean } | null>(null);
  #version = $state(0);
  #saved: Graph | null = null;
  #saving: Promise<void> | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #clip: Clip | null = null;

  constructor(readonly id: string) {
    this.journey = new Resource(() => get('/journeys/{id}', { path: { id } }));
    this.dryRun = new JourneyDryRun(id);
  }

  graph = $derived.by(() => this.#timeline?.now ?? null);
  canUndo = $derived.by(() => (this.#timeline?.past.length ?? 0) > 0);
  canRedo = $derived.by(() => (this.#timeline?.future.length ?? 0) > 0);
  order = $derived.by(() => (this.graph ? flowOrder(this.graph) : []));
  #byId = $derived.by(() => new Map(this.graph?.nodes.map((node) => [node.id, node])));
  tags = $derived.by(() => journeyTags(this.choices.fields));
  names = $derived.by(() => this.choices.names(this.graph));
  /** The one step whose form stands beside the canvas. */
  step = $derived.by(() => (this.selected.size === 1 ? (this.#byId.get([...this.selected][0] ?? '') ?? null) : null));
  #problemsById = $derived.by(() => Map.groupBy(this.problems, ({ node }) => node));
  errors = $derived.by(() => this.problems.filter(({ severity }) => severity === 'error'));
  #portsByFrom = $derived.by(() => new Map([...Map.groupBy(this.graph?.edges ?? [], ({ from }) => from)].map(([from, edges]) => [from, new Set(edges.map(({ port }) => port))])));
  get draftVersion() { return this.#version; }

  nodeOf = (id: string): GraphNode | null => this.#byId.get(id) ?? null;
  /** Ports of a step that lead somewhere. */
  connectedPorts = (id: string): ReadonlySet<string> => this.#portsByFrom.get(id) ?? none;
  problemsOf = (id: string): readonly StepProblem[] => this.#problemsById.get(id) ?? [];
  /** What is wrong with a field of a step. */
  errorAt(id: string, field: string): string | null {
    return this.problemsOf(id).find((problem) => problem.field === field || problem.field?.startsWith(`${field}.`) || problem.field?.startsWith(`${field}[`))?.message ?? null;
  }

  async load(): Promise<void> {
    this.loadError = null;
    const [asked] = await Promise.allSettled([get('/journeys/{id}/draft', { path: { id: this.id } }), this.journey.load()]);
    this.isMissing = asked.status === 'rejected' && toApiError(asked.reason).status === 404 && this.journey.value !== null;
    if (asked.status === 'rejected') this.loadError = this.isMissing ? null : toApiError(asked.reason);
    else {
      this.#take(asked.value);
      void this.choices.load(asked.value.graph, asked.value.names);
    }
  }
  stop = (): void => { clearTimeout(this.#retry); this.dryRun.stop(); };

  #take(draft: Draft) {
    this.#timeline = begin(draft.graph);
    this.#saved = draft.graph;
    this.#version = draft.version;
    this.problems = draft.problems;
    this.saveState = 'saved';
    this.saveError = null;
    this.selected = new Set([...this.selected].filter((id) => draft.graph.nodes.some((node) => node.id === id)));
    this.selectedWays = none;
  }

  /** @param about changes of the same thing in quick succession are one step back */
  #change(next: Graph, about: string | null = null) {
    if (this.#timeline) this.#timeline = record(this.#timeline, next, about, Date.now());
  }
  #say(words: string) {
    // The same words twice are said twice.
    this.announcement = this.announcement === words ? `${words} ` : words;
  }
  #nameOf = (id: string): string => this.#byId.get(id)?.name ?? '';

  select(ids: Iterable<string>, ways: Iterable<string> = []) {
    this.selected = new Set(ids);
    this.selectedWays = new Set(ways);
    if (this.selected.size === 1) this.panel = 'step';
    else if (this.panel === 'step') this.panel = null;
  }
  /** Chooses a step and brings it into view. */
  show(id: string, focus = false) {
    this.select([id]);
    this.wanted = { id, focus };
  }
  selectAll = (): void => this.select(this.graph?.nodes.map(({ id }) => id) ?? []);

  /** Adds a step and chooses it. @returns its id */
  add(kind: NodeKindName, spot: Spot, focus = false): string | null {
    if (!this.graph) return null;
    const { graph, id } = withStep(this.graph, kind, spot, kind === 'send' ? this.#sender() : {});
    this.#change(graph);
    this.show(id, focus);
    const from = graph.edges.find(({ to }) => to === id)?.from;
    this.#say(from === undefined ? text.said.added(this.#nameOf(id)) : text.said.addedAfter(this.#nameOf(id), this.#nameOf(from)));
    return id;
  }
  /** A new mail comes from whom the last one came, else from the only connection there is. */
  #sender(): GraphNode['config'] {
    const last = this.order.findLast(({ kind }) => kind === 'send')?.config;
    if (last) return Object.fromEntries(['fromName', 'fromEmail', 'replyTo', 'connection'].filter((key) => last[key] !== undefined).map((key) => [key, last[key]]));
    const usable = this.choices.connections.filter(({ enabled }) => enabled);
    const [only] = usable;
    return only && usable.length === 1 ? { connection: only.id, fromName: only.fromName ?? '', fromEmail: only.fromEmail ?? '' } : {};
  }
  /** Where a step goes that is chosen from the palette: after the chosen one, else after the entry while that leads nowhere, else into view. */
  spotFor(centre: Place): Spot {
    if (this.step) return { kind: 'after', from: this.step.id };
    const entry = this.graph?.nodes.find(({ kind }) => kind === 'entry');
    const isFresh = entry !== undefined && !this.graph?.edges.some(({ from }) => from === entry.id);
    return isFresh ? { kind: 'after', from: entry.id } : { kind: 'free', at: centre };
  }
  connect(edge: Edge) {
    if (!this.graph) return;
    const next = connected(this.graph, edge);
    if (next === this.graph) return;
    this.#change(next);
    this.#say(text.said.connected(this.#nameOf(edge.from), this.portLabel(edge.from, edge.port), this.#nameOf(edge.to)));
  }
  disconnect(from: string, port: string) {
    if (!this.graph) return;
    this.#change(disconnected(this.graph, from, port));
    this.selectedWays = none;
    this.#say(text.said.disconnected(this.#nameOf(from), this.portLabel(from, port)));
  }
  portLabel(id: string, port: string): string {
    const node = this.#byId.get(id);
    const ports = node ? portsOf(node) : [];
    return ports.length < 2 ? '' : (ports.find((each) => each.id === port)?.label ?? '');
  }
  /** Removes what is chosen: steps, else ways. */
  removeSelected = (): void => {
    if (!this.graph) return;
    const gone = this.graph.nodes.filter(({ id, kind }) => this.selected.has(id) && kind !== 'entry');
    if (gone.length > 0) {
      const before = this.order.findIndex(({ id }) => id === gone[0]?.id) - 1;
      this.#change(withoutSteps(this.graph, new Set(gone.map(({ id }) => id))));
      const next = this.order[Math.max(0, Math.min(before, this.order.length - 1))];
      this.selectedWays = none;
      if (next) this.show(next.id, true);
      this.#say(gone.length === 1 ? text.said.removed(gone[0]?.name ?? '') : text.said.removedMany(gone.length));
      return;
    }
    const ways = this.graph.edges.filter((edge) => this.selectedWays.has(edgeId(edge)));
    let graph = this.graph;
    for (const { from, port } of ways) graph = disconnected(graph, from, port);
    this.#change(graph);
    this.selectedWays = none;
    const [first] = ways;
    if (first) this.#say(text.said.disconnected(this.#nameOf(first.from), this.portLabel(first.from, first.port)));
    else if (this.selected.size > 0) this.#say(text.said.entryStays);
  };
  configure(id: string, config: GraphNode['config'], about: string) {
    if (this.graph) this.#change(configured(this.graph, id, config), `${id} ${about}`);
  }
  rename(id: string, name: string) {
    if (this.graph) this.#change(renamed(this.graph, id, name), `${id} name`);
  }
  /** @param about as of `#change`: arrow keys in a row are one step back */
  move(places: ReadonlyMap<string, Place>, about: string | null = null) {
    if (this.graph) this.#change(moved(this.graph, places), about);
  }
  nudge(dx: number, dy: number) {
    const places = this.graph?.nodes.filter(({ id }) => this.selected.has(id)).map(({ id, x, y }) => [id, { x: x + dx, y: y + dy }] as const);
    if (places && places.length > 0) this.move(new Map(places), 'nudge');
  }
  arrange = async (): Promise<void> => {
    const { layoutOf } = await import('$lib/canvas/layout.ts');
    if (!this.graph) return;
    this.move(layoutOf(this.graph));
    this.#say(text.said.arranged);
  };

  /** Null when nothing that can be copied is chosen. */
  copy(): Clip | null {
    if (!this.graph) return null;
    const clip = clipOf(this.graph, this.selected);
    if (clip.nodes.length === 0) return null;
    this.#clip = clip;
    this.#say(text.said.copied(clip.nodes.length));
    return clip;
  }
  paste(clip: Clip | null = this.#clip, at: Place | null = null) {
    if (!this.graph || clip === null) return;
    const { graph, ids } = pasted(this.graph, clip, at);
    this.#change(graph);
    this.select(ids);
    if (ids[0]) this.wanted = { id: ids[0], focus: true };
    this.#say(text.said.pasted(ids.length));
    void this.choices.learn(mentionsOf({ nodes: clip.nodes, edges: [] }));
  }
  duplicate = (): void => { if (this.copy()) this.paste(); };

  undo = (): void => this.#travel(undo, text.said.undone);
  redo = (): void => this.#travel(redo, text.said.redone);
  #travel(by: typeof undo, words: string) {
    const before = this.#timeline;
    if (!before) return;
    const after = by(before);
    if (after === before) return;
    this.#timeline = after;
    this.select([...this.selected].filter((id) => this.#byId.has(id)));
    this.#say(words);
  }

  /** Call in an effect: saves a little after the last change. */
  autosave(): (() => void) | undefined {
    const { graph } = this;
    // Untracked: a refused save waits for the next change instead of trying itself again and again.
    const now = untrack(() => this.saveState);
    if (graph === null || now === 'conflict') return undefined;
    if (graph === this.#saved) {
      if (now === 'dirty' || now === 'failed') { this.saveState = 'saved'; this.saveError = null; }
      return undefined;
    }
    if (now !== 'saving') this.saveState = 'dirty';
    const timer = setTimeout(() => void this.flush(), SAVE_AFTER_MS);
    return () => clearTimeout(timer);
  }
  /** @param over a draft that somebody else saved meanwhile: this one takes its place */
  async flush(over = false): Promise<void> {
    while (this.#saving) await this.#saving;
    const { graph } = this;
    if (graph === null || (graph === this.#saved && !over) || (this.saveState === 'conflict' && !over)) return;
    this.#saving = this.#save(graph, over).finally(() => { this.#saving = null; });
    await this.#saving;
  }
  async #save(graph: Graph, over: boolean) {
    clearTimeout(this.#retry);
    this.saveState = 'saving';
    const path = { id: this.id };
    try {
      if (over) this.#version = (await get('/journeys/{id}/draft', { path })).version;
      const saved = await put('/journeys/{id}/draft', { path, body: { version: this.#version, graph: bodyOf(graph) } });
      this.#version = saved.version;
      this.problems = saved.problems;
      this.#saved = graph;
      this.savedAt = new Date().toISOString();
      this.saveError = null;
      this.saveState = this.graph === graph ? 'saved' : 'dirty';
    } catch (cause) {
      const error = toApiError(cause);
      this.saveError = error;
      this.saveState = error.status === 409 ? 'conflict' : 'failed';
      if (error.status === 0 || error.status >= 500) this.#retry = setTimeout(() => void this.flush(), RETRY_MS);
    }
  }
  isRetried = $derived.by(() => this.saveState === 'failed' && (this.saveError?.status === 0 || (this.saveError?.status ?? 0) >= 500));

  /** What is published is what is seen. @throws ApiError why it could not be saved */
  async #settle() {
    await this.flush();
    if (this.saveState !== 'saved') throw this.saveError ?? new Error(text.notSaved);
  }
  nameIt = new Action(async (name: string) => {
    const version = this.journey.value?.version ?? 0;
    this.journey.set(await patch('/journeys/{id}', { path: { id: this.id }, body: { name: name.trim(), version } }));
    return true;
  });
  /** What stands against publishing now, and what becomes of the people inside. */
  validate = new Action(async () => {
    await this.#settle();
    const said = await post('/journeys/{id}/validate', { path: { id: this.id } });
    this.problems = said.problems;
    return said.people;
  });
  publish = new Action(async (note: string, people: 'stay' | 'move') => {
    await this.#settle();
    const published = await post('/journeys/{id}/publish', { path: { id: this.id }, body: { draftVersion: this.#version, note: note.trim(), people } });
    this.#saved = this.graph;
    return published;
  });
  /** A test mail of a send step as it stands. */
  test = new TestMails(async (step, emails) => {
    await this.#settle();
    return (await post('/journeys/{id}/steps/{node}/test', { path: { id: this.id, node: step }, body: { emails: [...emails] }, idempotencyKey: crypto.randomUUID() })).results;
  });
  /** Dry run of what is drawn. */
  walk = async (): Promise<void> => {
    await this.flush();
    if (this.saveState === 'saved') await this.dryRun.start(this.#version);
    else this.dryRun.error = this.saveError;
  };
  discard = new Action(async () => {
    await remove('/journeys/{id}/draft', { path: { id: this.id } });
    this.#saved = this.graph;
    this.saveState = 'saved';
    return true;
  });
  createDraft = new Action(async () => {
    await post('/journeys/{id}/draft', { path: { id: this.id } });
    await this.load();
    return true;
  });
}

/** The API's description knows no readonly. */
const bodyOf = (graph: Graph) => graph as components['schemas']['JourneyGraph'];

type TestResult = Reply<'/journeys/{id}/steps/{node}/test', 'post'>['results'][number];

/** Test mails with their last results. */
class TestMails extends Action<[step: string, emails: readonly string[]], readonly TestResult[]> {
  value = $state.raw<readonly TestResult[] | null>(null);

  constructor(send: (step: string, emails: readonly string[]) => Promise<readonly TestResult[]>) {
    super(async (step, emails) => {
      this.value = null;
      return (this.value = await send(step, emails));
    });
  }
}
