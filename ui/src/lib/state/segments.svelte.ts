import { untrack } from 'svelte';
import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Count, Customer, Query, Rule, Segment } from '$lib/api/types.ts';
import { describe, emptyRule, fieldChoices, isComplete } from '$lib/segment/rule.ts';
import { Action } from './action.svelte.ts';
import { loadFields, loadLists } from './customers.svelte.ts';
import { Resource, Rows, toApiError } from './resource.svelte.ts';
import type { ApiError } from '$lib/api/client.ts';

export class Segments extends Rows<Segment, Query<'/segments'>> {
  constructor() {
    super((query) => get('/segments', { query }));
  }

  delete = new Action(async (segment: Segment) => {
    await remove('/segments/{id}', { path: { id: segment.id } });
    this.drop((row) => row.id === segment.id);
    return true;
  });
}

/** A segment being built: the rule, its words, and who matches it now. */
export class SegmentEditor {
  name = $state('');
  description = $state('');
  rule: Rule = $state(emptyRule());
  loaded: Resource<Segment>;
  fields = new Resource(loadFields);
  lists = new Resource(loadLists);
  count = $state.raw<Count | null>(null);
  samples = $state.raw<Customer[]>([]);
  counting = $state<'idle' | 'counting' | 'incomplete' | 'failed'>('idle');
  countError = $state.raw<ApiError | null>(null);
  #saved = $state('');
  #turn = 0;

  constructor(readonly id: string) {
    this.loaded = new Resource(() => get('/segments/{id}', { path: { id } }));
  }

  get isNew() { return this.id === 'new'; }
  choices = $derived.by(() => fieldChoices(this.fields.value ?? []));
  complete = $derived(isComplete(this.rule));
  sentence = $derived(describe(this.rule, this.lists.value ?? [], this.choices));
  dirty = $derived(JSON.stringify([this.name, this.description, this.rule]) !== this.#saved);

  async load() {
    void this.fields.load();
    void this.lists.load();
    if (this.isNew) { untrack(() => this.#mark()); return; }
    await this.loaded.load();
    if (this.loaded.value) this.#take(this.loaded.value);
  }

  #take(segment: Segment) {
    this.name = segment.name;
    this.description = segment.description ?? '';
    this.rule = structuredClone(segment.rule);
    this.#mark();
  }
  #mark() { this.#saved = JSON.stringify([this.name, this.description, this.rule]); }

  /** Asks 400 ms after the last change; what is shown is dropped at once, so that an old number never passes for a new one. */
  watch(): () => void {
    const rule = $state.snapshot(this.rule) as Rule;
    const turn = ++this.#turn;
    this.count = null;
    this.samples = [];
    this.countError = null;
    if (!isComplete(rule)) { this.counting = 'incomplete'; return () => {}; }
    this.counting = 'counting';
    const timer = setTimeout(() => void this.#ask(rule, turn), 400);
    return () => clearTimeout(timer);
  }

  async #ask(rule: Rule, turn: number) {
    try {
      const [count, sample] = await Promise.all([post('/segments/count', { body: { rule } }), post('/segments/sample', { body: { rule } })]);
      if (turn !== this.#turn) return;
      this.count = count;
      this.samples = sample.data;
      this.counting = 'idle';
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.countError = toApiError(cause);
      this.counting = 'failed';
    }
  }

  save = new Action(async () => {
    const body = { name: this.name.trim(), description: this.description.trim(), rule: $state.snapshot(this.rule) as Rule };
    const before = this.loaded.value;
    const saved = before ? await patch('/segments/{id}', { path: { id: before.id }, body: { ...body, version: before.version } }) : await post('/segments', { body });
    this.loaded.set(saved);
    this.#mark();
    return saved;
  });
}
