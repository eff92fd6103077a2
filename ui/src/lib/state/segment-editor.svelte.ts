import { untrack } from 'svelte';
import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Rule, RuleNode, Segment } from '$lib/api/types.ts';
import { copy, emptyRule, incompleteIn, isComplete, isRule, newCondition, plain, spoken } from '$lib/segment/rule.ts';
import { above, below, insertAt, move, nodeAt, removeAt, type Path } from '$lib/segment/tree.ts';
import { describe } from '#domain/segment/describe.ts';
import { Action } from './action.svelte.ts';
import { Audience, Explainer } from './audience.svelte.ts';
import { Choices } from './choices.svelte.ts';
import { History } from './history.svelte.ts';
import { Resource } from './resource.svelte.ts';

/** A segment being built: name and rule, steps back, its words, and who matches it now. */
export class SegmentEditor {
  name = $state('');
  description = $state('');
  rule: Rule = $state(emptyRule());
  loaded: Resource<Segment>;
  choices: Choices;
  audience = new Audience();
  explainer = new Explainer();
  history = new History();
  /** The condition whose Add button has not been pressed yet. */
  adding = $state.raw<RuleNode | null>(null);
  /** Whether what is not filled in is marked: from the first Save on. */
  showMissing = $state(false);
  /** Told to those who do not see what moved. */
  announcement = $state('');
  /** The group on the screen, when the tree is too deep to show whole. */
  #view = $state.raw<Path>([]);
  #saved = $state('');

  constructor(readonly id: string) {
    this.loaded = new Resource(() => get('/segments/{id}', { path: { id } }));
    this.choices = new Choices(id === 'new' ? null : id);
  }

  get isNew() { return this.id === 'new'; }
  ready = $derived.by(() => this.choices.ready && (this.id === 'new' || this.loaded.value !== null));

  /** The rule as it is asked and saved: a condition that is being added counts from the moment it is complete. */
  #unfinished = $derived.by(() => (this.adding !== null && !isComplete(this.adding) ? this.adding : null));
  asked: Rule = $derived.by(() => plain(this.rule, this.#unfinished));
  askedText = $derived(JSON.stringify(this.asked));
  isDrafting = $derived.by(() => this.#unfinished !== null);
  incomplete = $derived.by(() => incompleteIn(this.asked).length);
  sentence = $derived.by(() => describe(spoken(this.asked), this.choices.context));
  #text = $derived(JSON.stringify(this.rule));
  dirty = $derived.by(() => JSON.stringify([this.name, this.description, this.askedText]) !== this.#saved);
  canUndo = $derived.by(() => this.history.canUndo(this.#text));

  async load() {
    if (!this.isNew) {
      await this.loaded.load();
      if (this.loaded.value) this.#take(this.loaded.value);
    } else untrack(() => this.#mark());
    await this.choices.load(untrack(() => this.asked) as Rule);
  }

  #take(segment: Segment) {
    this.name = segment.name;
    this.description = segment.description;
    this.rule = copy(segment.rule);
    this.adding = null;
    this.showMissing = false;
    this.history.start(JSON.stringify(segment.rule));
    this.#mark();
  }
  #mark() {
    if (this.isNew) this.history.start(JSON.stringify(this.rule));
    this.#saved = JSON.stringify([this.name, this.description, this.askedText]);
  }

  /** For an effect: asks for the count, and for the explanation again, when the rule has changed. */
  watch(): () => void {
    const rule = JSON.parse(this.askedText) as Rule;
    const isWhole = untrack(() => this.incomplete === 0);
    const stop = this.audience.ask(isWhole ? rule : null);
    if (untrack(() => this.explainer.answer) === null || !isWhole) return stop;
    const timer = setTimeout(() => void this.explainer.ask(rule), 400);
    return () => { stop(); clearTimeout(timer); };
  }
  /** For an effect: marks of what was missing go when nothing is. */
  settle() { if (this.incomplete === 0 && !this.isDrafting) this.showMissing = false; }
  /** For an effect: what is typed in one go is one step back. */
  remember(): () => void {
    const text = this.#text;
    const timer = setTimeout(() => this.history.record(text), 600);
    return () => clearTimeout(timer);
  }

  /** The group shown on top; the root when the one chosen is gone. */
  view: { path: Path; rule: Rule } = $derived.by(() => {
    const node = nodeAt(this.rule, this.#view);
    return node !== undefined && isRule(node) ? { path: this.#view, rule: node } : { path: [], rule: this.rule };
  });
  look(path: Path) { this.#view = path; }
  announce(words: string) { this.announcement = words; }

  /** What follows is a step of its own, however quickly it comes. */
  #begin() { this.history.record(this.#text); }
  /** Begins a condition at a group's end. */
  add(group: Path, node: RuleNode = newCondition()) {
    this.finish();
    this.#begin();
    const parent = nodeAt(this.rule, group);
    if (parent === undefined || !isRule(parent)) return;
    parent.parts.push(node);
    this.adding = parent.parts.at(-1) ?? null;
  }
  addGroup(group: Path) {
    const parent = nodeAt(this.rule, group);
    if (parent === undefined || !isRule(parent)) return;
    this.#begin();
    parent.parts.push({ op: parent.op === 'or' ? 'and' : 'or', parts: [] });
    this.add([...group, parent.parts.length - 1]);
  }
  /** The condition being added becomes one of the rule, complete or not. */
  finish() { this.adding = null; }

  insertAfter(path: Path, node: RuleNode) {
    this.#begin();
    const parent = nodeAt(this.rule, path.slice(0, -1));
    if (parent === undefined || !isRule(parent)) return;
    if (parent.op === 'and') return insertAt(this.rule, [...path.slice(0, -1), (path.at(-1) ?? 0) + 1], node);
    // Beside "or" and "nor" it would mean something else: both go into a group of their own.
    const here = removeAt(this.rule, path);
    if (here !== undefined) insertAt(this.rule, path, { op: 'and', parts: [here, node] });
  }
  duplicateAt(path: Path) {
    this.#begin();
    const node = nodeAt(this.rule, path);
    if (node !== undefined) insertAt(this.rule, [...path.slice(0, -1), (path.at(-1) ?? 0) + 1], copy(node));
  }
  removeAt(path: Path) {
    this.#begin();
    const gone = nodeAt(this.rule, path);
    if (gone === this.adding) this.adding = null;
    removeAt(this.rule, path);
  }
  wrap(path: Path) {
    this.#begin();
    const node = removeAt(this.rule, path);
    if (node !== undefined) insertAt(this.rule, path, { op: 'or', parts: [node] });
  }
  unwrap(path: Path) {
    this.#begin();
    const node = nodeAt(this.rule, path);
    const parent = nodeAt(this.rule, path.slice(0, -1));
    if (node !== undefined && parent !== undefined && isRule(node) && isRule(parent)) parent.parts.splice(path.at(-1) ?? 0, 1, ...node.parts);
  }
  /** @returns where it stands then, or null when it is at the end of its way */
  step(path: Path, direction: 'up' | 'down'): Path | null {
    const to = direction === 'up' ? above(this.rule, path) : below(this.rule, path);
    return to === null ? null : this.moveTo(path, to);
  }
  moveTo(from: Path, to: Path): Path | null {
    this.#begin();
    return move(this.rule, from, to);
  }

  undo = () => this.#show(this.history.undo(this.#text));
  redo = () => this.#show(this.history.redo());
  #show(text: string | null) {
    if (text === null) return;
    this.adding = null;
    this.rule = JSON.parse(text) as Rule;
  }

  /** Saves; `over` what somebody else saved meanwhile. */
  save = new Action(async (over = false) => {
    this.showMissing = true;
    const body = { name: this.name.trim(), description: this.description.trim(), rule: this.asked };
    const before = over ? await get('/segments/{id}', { path: { id: this.id } }) : this.loaded.value;
    const saved = before ? await patch('/segments/{id}', { path: { id: before.id }, body: { ...body, version: before.version } }) : await post('/segments', { body });
    this.loaded.set(saved);
    this.name = saved.name;
    this.description = saved.description;
    if (this.#unfinished === null) this.adding = null;
    this.showMissing = false;
    this.#saved = JSON.stringify([this.name, this.description, this.askedText]);
    return saved;
  });
  duplicate = new Action(() => post('/segments/{id}/duplicate', { path: { id: this.id } }));
  delete = new Action(async () => {
    await remove('/segments/{id}', { path: { id: this.id } });
    this.#saved = JSON.stringify([this.name, this.description, this.askedText]);
    return true;
  });
}
