import { untrack } from 'svelte';
import { get, patch, post } from '$lib/api/client.ts';
import type { ApiError } from '$lib/api/client.ts';
import type { Body, Connection, Field, FormPreview, SignUpForm } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { loadFields } from './customers.svelte.ts';
import { deleteForm, loadConnections, switchForm, type Chosen } from './forms.svelte.ts';
import { Resource, toApiError } from './resource.svelte.ts';

export type FormDraft = Pick<SignUpForm, 'name' | 'title' | 'intro' | 'consentText' | 'buttonLabel' | 'fields' | 'thanksText' | 'doubleOptIn' | 'connectionId' | 'confirmSubject' | 'confirmText'> & { redirectUrl: string; lists: Chosen[] };
type Edit = Omit<Body<'/forms/{id}', 'patch'>, 'version'>;

const draftOf = (form: SignUpForm): FormDraft => ({
  name: form.name, title: form.title, intro: form.intro, consentText: form.consentText, buttonLabel: form.buttonLabel, fields: form.fields.map((field) => ({ ...field })), thanksText: form.thanksText, redirectUrl: form.redirectUrl ?? '',
  lists: form.lists.map((list) => ({ ...list })), doubleOptIn: form.doubleOptIn, connectionId: form.connectionId, confirmSubject: form.confirmSubject, confirmText: form.confirmText,
});
const editOf = ({ lists, redirectUrl, ...draft }: FormDraft): Edit => ({ ...draft, redirectUrl: redirectUrl.trim() || null, listIds: lists.map((list) => list.id) });

/** A sign-up form being edited: what is changed against what was saved, and its pages as people will see them. */
export class FormEditor {
  draft: FormDraft | null = $state(null);
  loaded: Resource<SignUpForm>;
  fields = new Resource<Field[]>(loadFields);
  connections = new Resource<Connection[]>(loadConnections);
  pages = $state.raw<FormPreview | null>(null);
  pagesError = $state.raw<ApiError | null>(null);
  #saved: Edit = $state.raw({});
  #turn = 0;

  constructor(readonly id: string) {
    this.loaded = new Resource(() => get('/forms/{id}', { path: { id } }));
  }

  form = $derived.by(() => this.loaded.value);
  connection = $derived.by(() => this.connections.value?.find(({ id }) => id === this.draft?.connectionId) ?? null);
  changes: Edit = $derived.by(() => {
    if (this.draft === null) return {};
    const saved = this.#saved as Record<string, unknown>;
    return Object.fromEntries(Object.entries(editOf(this.draft)).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(saved[key])));
  });
  dirty = $derived.by(() => Object.keys(this.changes).length > 0);
  isConflict = $derived.by(() => this.save.error?.status === 409 && this.save.error.fields.length === 0);

  async load() {
    void this.fields.load();
    void this.connections.load();
    this.save.error = null;
    await this.loaded.load();
    if (this.loaded.value) this.#take(this.loaded.value);
  }
  #take(form: SignUpForm) {
    this.#keep(form);
    this.draft = draftOf(form);
  }
  #keep(form: SignUpForm) {
    this.loaded.set(form);
    this.#saved = editOf(draftOf(form));
  }

  /** What was changed, and nothing else, so that what somebody else set meanwhile stays; `over` a version newer than the one loaded. */
  save = new Action(async (over = false) => {
    const changes = $state.snapshot(this.changes) as Edit;
    const sent = JSON.stringify(this.draft);
    const before = over ? await get('/forms/{id}', { path: { id: this.id } }) : this.loaded.value;
    if (before === null || Object.keys(changes).length === 0) return before;
    const saved = await patch('/forms/{id}', { path: { id: this.id }, body: { ...changes, version: before.version } });
    // What was typed while it was being saved stays, to be saved next.
    if (JSON.stringify(this.draft) === sent) this.#take(saved);
    else this.#keep(saved);
    return saved;
  });
  /** At once, whatever is being edited beside it. */
  enable = new Action(async (enabled: boolean) => {
    if (this.loaded.value === null) return null;
    const changed = await switchForm(this.loaded.value, enabled);
    this.loaded.set(changed);
    return changed;
  });
  delete = new Action(async () => {
    await deleteForm(this.id);
    this.#saved = this.draft === null ? {} : editOf($state.snapshot(this.draft));
    return true;
  });

  /** The refusal of one field, of one of its parts when it has some. */
  at(field: string): string | null {
    return this.save.at(field) ?? this.save.error?.fields.find((problem) => problem.field.startsWith(`${field}[`))?.message ?? null;
  }

  /** For an effect: the pages anew, shortly after the last change; an answer that a later one overtook is dropped. */
  preview(): (() => void) | undefined {
    if (this.draft === null) return undefined;
    const { name, title, intro, consentText, buttonLabel, thanksText, fields } = $state.snapshot(this.draft);
    const turn = ++this.#turn;
    const timer = setTimeout(async () => {
      try {
        const pages = await post('/forms/preview', { body: { name, title: title.trim(), intro, consentText: consentText.trim(), buttonLabel, thanksText, fields } });
        if (turn !== this.#turn) return;
        this.pages = pages;
        this.pagesError = null;
      } catch (cause) {
        if (turn === this.#turn) this.pagesError = toApiError(cause);
      }
    }, untrack(() => this.pages) === null ? 0 : 300);
    return () => clearTimeout(timer);
  }
}
