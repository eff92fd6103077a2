import { ApiError, get } from '$lib/api/client.ts';
import type { Connection, Field } from '$lib/api/types.ts';
import { mentionsOf, thingKinds, type Mention, type ThingKind } from '$lib/canvas/mentions.ts';
import type { Graph } from '#domain/journey/graph.ts';
import type { Names } from '#domain/journey/nodes/node.ts';
import { loadFields } from './customers.svelte.ts';
import { toApiError } from './resource.svelte.ts';

export interface Named { readonly id: string; readonly name: string }
type ById = ReadonlyMap<string, string>;

const PAGE = 200;
const read: Record<ThingKind, (search: string) => Promise<{ data: readonly Named[]; nextCursor: string | null }>> = {
  list: (search) => get('/lists', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
  segment: (search) => get('/segments', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
  campaign: (search) => get('/campaigns', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
  journey: (search) => get('/journeys', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
  connection: () => get('/connections', { query: { limit: PAGE } }),
};
const readOne: Record<ThingKind, (id: string) => Promise<Named>> = {
  list: (id) => get('/lists/{id}', { path: { id } }),
  segment: (id) => get('/segments/{id}', { path: { id } }),
  campaign: (id) => get('/campaigns/{id}', { path: { id } }),
  journey: (id) => get('/journeys/{id}', { path: { id } }),
  connection: (id) => get('/connections/{id}', { path: { id } }),
};

/** What steps can refer to, with names: the first 200 of each kind, more as one searches, and whatever the graph mentions. */
export class JourneyChoices {
  fields = $state.raw<readonly Field[]>([]);
  customEvents = $state.raw<readonly string[]>([]);
  connections = $state.raw<readonly Connection[]>([]);
  ready = $state(false);
  error = $state.raw<ApiError | null>(null);
  #byKind = $state.raw<Record<ThingKind, ById>>({ list: new Map(), segment: new Map(), campaign: new Map(), journey: new Map(), connection: new Map() });
  /** Kinds of which there are more than were read. */
  #partial = new Set<ThingKind>();
  #asked = new Set<string>();
  /** As the draft came with them, by id alone. */
  #given = $state.raw<Readonly<Record<string, string>>>({});

  named(kind: ThingKind): Named[] {
    return [...this.#byKind[kind]].map(([id, name]) => ({ id, name })).sort((a, b) => a.name.localeCompare(b.name));
  }
  /** Null when it is gone; an ellipsis while that is not known yet. */
  nameOf = (kind: ThingKind, id: string): string | null => (id === '' ? '…' : null) ?? this.#byKind[kind].get(id) ?? this.#given[id] ?? (this.ready ? null : '…');

  /** For `describe`: names of things by id. @param graph whose steps are named */
  names(graph: Graph | null): Names {
    const byId = new Map(graph?.nodes.map(({ id, name }) => [id, name]));
    const named = (kind: ThingKind) => (id: string) => this.nameOf(kind, id);
    return { list: named('list'), segment: named('segment'), campaign: named('campaign'), journey: named('journey'), connection: named('connection'), step: (id) => byId.get(id) ?? null };
  }

  /** @param given names that are known already, by id */
  async load(graph: Graph, given: Readonly<Record<string, string>>): Promise<void> {
    this.#given = given;
    try {
      const [fields, events, connections] = await Promise.all([loadFields(), get('/segments/choices'), get('/connections', { query: { limit: PAGE } }), ...thingKinds.map((kind) => this.find(kind))]);
      this.fields = fields;
      this.customEvents = events.customEvents;
      this.connections = connections.data;
      await this.learn(mentionsOf(graph));
      this.ready = true;
    } catch (cause) {
      this.error = toApiError(cause);
    }
  }

  /** Reads those whose name holds a text; what is known already is not asked for again. */
  async find(kind: ThingKind, text = ''): Promise<void> {
    if (text !== '' && !this.#partial.has(kind)) return;
    const page = await read[kind](text);
    if (text === '' && page.nextCursor !== null) this.#partial.add(kind);
    this.#add(kind, page.data);
  }

  /** Names of things beyond the first ones, each asked once. Whatever is gone stays nameless. */
  async learn(mentions: readonly Mention[]): Promise<void> {
    const missing = mentions.filter(({ kind, id }) => !this.#byKind[kind].has(id) && !this.#asked.has(`${kind} ${id}`)).slice(0, PAGE);
    await Promise.all(missing.map(async ({ kind, id }) => {
      this.#asked.add(`${kind} ${id}`);
      const found = await readOne[kind](id).catch((cause: unknown) => {
        if (cause instanceof ApiError && cause.status > 0 && cause.status < 500) return null;
        throw cause;
      });
      if (found !== null) this.#add(kind, [found]);
    }));
  }

  #add(kind: ThingKind, found: readonly Named[]) {
    this.#byKind = { ...this.#byKind, [kind]: new Map([...this.#byKind[kind], ...found.map(({ id, name }) => [id, name] as const)]) };
  }
}
