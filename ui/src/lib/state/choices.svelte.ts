import { ApiError, get } from '$lib/api/client.ts';
import type { Field, Reply } from '$lib/api/types.ts';
import { subjectsOf, type Named, type Subject } from '$lib/segment/subjects.ts';
import { mentionsOf, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { nearestField } from '#domain/segment/check.ts';
import { loadFields } from './customers.svelte.ts';

type Kind = 'lists' | 'segments' | 'campaigns';
const kinds = ['lists', 'segments', 'campaigns'] as const;
type Names = ReadonlyMap<string, string>;
type JourneyChoice = Reply<'/segments/choices', 'get'>['journeys'][number];

const PAGE = 200;
const read: Record<Kind, (search?: string) => Promise<{ data: readonly Named[]; nextCursor: string | null }>> = {
  lists: (search) => get('/lists', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
  segments: (search) => get('/segments', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
  campaigns: (search) => get('/campaigns', { query: { limit: PAGE, ...(search ? { search } : {}) } }),
};
const readOne: Record<Kind, (id: string) => Promise<Named>> = {
  lists: (id) => get('/lists/{id}', { path: { id } }),
  segments: (id) => get('/segments/{id}', { path: { id } }),
  campaigns: (id) => get('/campaigns/{id}', { path: { id } }),
};

/** What conditions can be about, with names: the first 200 of each kind, more as one searches, and whatever a rule mentions. */
export class Choices {
  fields = $state.raw<readonly Field[]>([]);
  customEvents = $state.raw<readonly string[]>([]);
  /** Those that have mailed, with their send steps. */
  journeys = $state.raw<readonly JourneyChoice[]>([]);
  #names = $state.raw<Record<Kind, Names>>({ lists: new Map(), segments: new Map(), campaigns: new Map() });
  /** Kinds of which there are more than were read. */
  #partial = new Set<Kind>();
  ready = $state(false);
  error = $state.raw<ApiError | null>(null);

  /** @param self the segment being built: it cannot ask for itself */
  constructor(readonly self: string | null) {}

  named(kind: Kind): Named[] {
    return [...this.#names[kind]].map(([id, name]) => ({ id, name })).filter(({ id }) => id !== this.self).sort((a, b) => a.name.localeCompare(b.name));
  }
  /** The field meant by a name there is none of. */
  nearest = (name: string): string | null => nearestField(name, this.context.catalogue);
  nameOf = (kind: Kind, id: string | undefined): string | null => (id === undefined ? null : (this.#names[kind].get(id) ?? null));
  subjects: Subject[] = $derived.by(() => subjectsOf({ fields: this.fields, lists: this.named('lists'), segments: this.named('segments'), customEvents: this.customEvents }));

  /** What the domain needs to say a rule in words; what is not chosen yet is an ellipsis. */
  context: RuleContext = $derived.by(() => ({
    catalogue: this.fields.map(({ key, label, type, no }) => ({ key, label, type, no, slot: null })),
    zone: 'UTC', now: 0,
    lists: { '': '…', ...Object.fromEntries(this.#names.lists) },
    segments: Object.fromEntries([['', '…'] as const, ...this.#names.segments].map(([id, name]) => [id, { name, rule: { op: 'and' as const, parts: [] } }])),
    sources: Object.fromEntries([...[['', '…'] as const, ...this.#names.campaigns].map(([id, name]) => [id, { kind: 'campaign' as const, name, mails: [] }] as const), ...this.journeys.map(({ id, name }) => [id, { kind: 'journey' as const, name, mails: [] }] as const)]),
    customEvents: Object.fromEntries(this.customEvents.map((name, no) => [name, no])),
  }));

  async load(rule: Rule): Promise<void> {
    try {
      const [fields, events] = await Promise.all([loadFields(), get('/segments/choices'), ...kinds.map((kind) => this.find(kind))]);
      this.fields = fields;
      this.customEvents = events.customEvents;
      this.journeys = events.journeys;
      await this.#learn(rule);
      this.ready = true;
    } catch (cause) {
      this.error = cause instanceof ApiError ? cause : null;
    }
  }

  /** Reads those whose name holds a text; what is known already is not asked for again. */
  async find(kind: Kind, text = ''): Promise<void> {
    if (text !== '' && !this.#partial.has(kind)) return;
    const page = await read[kind](text);
    if (text === '' && page.nextCursor !== null) this.#partial.add(kind);
    this.#add(kind, page.data);
  }

  /** Names of what a rule mentions beyond the first ones. Whatever is gone stays nameless. */
  async #learn(rule: Rule): Promise<void> {
    const mentioned = mentionsOf(rule);
    const missing = kinds.flatMap((kind) => mentioned[kind].filter((id) => !this.#names[kind].has(id)).map((id) => ({ kind, id })));
    await Promise.all(missing.slice(0, PAGE).map(async ({ kind, id }) => {
      const found = await orGone(readOne[kind](id));
      if (found !== null) this.#add(kind, [found]);
    }));
    // An archived journey is no choice any more, but a rule may still mean it.
    const archived = mentioned.journeys.filter((id) => !this.journeys.some((journey) => journey.id === id)).slice(0, PAGE);
    const found = await Promise.all(archived.map((id) => orGone(get('/journeys/{id}', { path: { id } }))));
    this.journeys = [...this.journeys, ...found.flatMap((journey) => (journey === null ? [] : [{ id: journey.id, name: journey.name, steps: [] }]))];
  }

  #add(kind: Kind, found: readonly Named[]) {
    const names = new Map(this.#names[kind]);
    for (const { id, name } of found) names.set(id, name);
    this.#names = { ...this.#names, [kind]: names };
  }
}

/** null for what is not there any more. */
const orGone = <T>(asked: Promise<T>): Promise<T | null> => asked.catch((cause: unknown) => {
  if (cause instanceof ApiError && cause.status === 404) return null;
  throw cause;
});
