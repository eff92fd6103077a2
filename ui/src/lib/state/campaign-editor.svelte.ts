import { untrack } from 'svelte';
import { get, patch, post } from '$lib/api/client.ts';
import type { Body, Campaign, Checks, Connection, CustomerList, Estimate, Rendered, SegmentRow } from '$lib/api/types.ts';
import type { ApiError } from '$lib/api/client.ts';
import { Action } from './action.svelte.ts';
import { loadFields, loadLists } from './customers.svelte.ts';
import { Resource, toApiError } from './resource.svelte.ts';

export const steps = ['basic', 'content', 'targeting', 'smtp', 'tracking'] as const;
export type Step = (typeof steps)[number];
export type SaveState = 'saved' | 'dirty' | 'saving' | 'failed' | 'conflict';

export type Draft = Required<Omit<Body<'/campaigns/{id}', 'patch'>, 'version' | 'targets'>> & Pick<Campaign, 'targets'>;

const stepByField: Record<string, Step> = {
  name: 'basic', subject: 'basic', preheader: 'basic', fromName: 'basic', fromEmail: 'basic', replyTo: 'basic', html: 'content', text: 'content', content: 'content',
  targets: 'targeting', audience: 'targeting', connectionId: 'smtp', connection: 'smtp', tracking: 'tracking', utm: 'tracking',
};
export const stepOf = (field: string): Step => stepByField[field.split(/[.[]/)[0] ?? ''] ?? 'basic';

const draftOf = (campaign: Campaign): Draft => ({
  name: campaign.name, subject: campaign.subject, preheader: campaign.preheader, fromName: campaign.fromName, fromEmail: campaign.fromEmail, replyTo: campaign.replyTo,
  html: campaign.html, text: campaign.text, targets: structuredClone(campaign.targets), connectionId: campaign.connectionId, tracking: { ...campaign.tracking }, utm: { ...campaign.utm },
});

/** A draft being written: saved by itself, checked and counted after every save. */
export class CampaignEditor {
  draft: Draft | null = $state(null);
  campaign: Resource<Campaign>;
  saveState = $state<SaveState>('saved');
  savedAt = $state<string | null>(null);
  saveError = $state.raw<ApiError | null>(null);
  checks = new Resource<Checks>(() => get('/campaigns/{id}/checks', { path: { id: this.id } }));
  estimate = new Resource<Estimate>(() => get('/campaigns/{id}/estimate', { path: { id: this.id } }));
  rendered = $state.raw<Rendered | null>(null);
  renderError = $state.raw<ApiError | null>(null);
  lists = new Resource<CustomerList[]>(loadLists);
  segments = new Resource<SegmentRow[]>(() => get('/segments', { query: { limit: 200 } }).then((page) => page.data));
  connections = new Resource<Connection[]>(() => get('/connections', { query: { limit: 200 } }).then((page) => page.data));
  fields = new Resource(loadFields);
  #version = 0;
  #saved: Draft | null = null;
  #saving: Promise<void> | null = null;
  #renderTurn = 0;

  constructor(readonly id: string) {
    this.campaign = new Resource(() => get('/campaigns/{id}', { path: { id } }));
  }

  connection = $derived(this.connections.value?.find(({ id }) => id === this.draft?.connectionId) ?? null);
  errors = $derived(this.checks.value?.errors ?? []);
  warnings = $derived(this.checks.value?.warnings ?? []);
  ready = $derived(this.checks.status === 'ready' && this.errors.length === 0 && this.saveState === 'saved');

  /** complete, incomplete (something is missing) or faulty (something given is wrong) */
  markOf(step: Step): 'complete' | 'incomplete' | 'faulty' {
    const errors = this.errors.filter(({ field }) => stepOf(field) === step);
    if (errors.length === 0) return this.checks.value ? 'complete' : 'incomplete';
    const given = errors.some(({ field }) => { const value = this.draft?.[field as keyof Draft]; return Array.isArray(value) ? value.length > 0 : Boolean(value); });
    return given ? 'faulty' : 'incomplete';
  }
  errorAt(field: string): string | null {
    return this.saveError?.fields.find((one) => one.field === field)?.message ?? this.errors.find((one) => one.field === field && Boolean(this.draft?.[field as keyof Draft]))?.message ?? null;
  }

  async load() {
    void this.lists.load();
    void this.segments.load();
    void this.fields.load();
    await Promise.all([this.campaign.load(), this.connections.load()]);
    if (!this.campaign.value) return;
    this.#take(this.campaign.value);
    this.#prefill();
    void this.#after();
  }

  #take(campaign: Campaign) {
    this.draft = draftOf(campaign);
    this.#saved = draftOf(campaign);
    this.#version = campaign.version;
    this.savedAt = campaign.updatedAt;
    this.saveState = 'saved';
    this.saveError = null;
  }

  /** The only connection there is, and its sender, are taken without asking. */
  #prefill() {
    const usable = (this.connections.value ?? []).filter(({ enabled }) => enabled);
    if (this.draft && !this.draft.connectionId && usable.length === 1 && usable[0]) this.chooseConnection(usable[0].id);
  }
  chooseConnection(id: string | null) {
    if (!this.draft) return;
    this.draft.connectionId = id;
    const chosen = this.connections.value?.find((one) => one.id === id);
    if (!this.draft.fromEmail && chosen?.fromEmail) this.draft.fromEmail = chosen.fromEmail;
    if (!this.draft.fromName && chosen?.fromName) this.draft.fromName = chosen.fromName;
  }

  #changes(): Partial<Draft> {
    const now = $state.snapshot(this.draft);
    if (!now || !this.#saved) return {};
    const before = this.#saved;
    const changed = (Object.keys(now) as (keyof Draft)[]).filter((key) => JSON.stringify(now[key]) !== JSON.stringify(before[key]));
    return Object.fromEntries(changed.map((key) => [key, now[key]]));
  }

  /** Call in an effect: saves 900 ms after the last change, well inside the promised two seconds. */
  autosave(): (() => void) | undefined {
    const changed = Object.keys(this.#changes()).length > 0;
    // Untracked: a refused save waits for the next change instead of trying itself again and again.
    const now = untrack(() => this.saveState);
    if (!changed || now === 'conflict') return undefined;
    if (now !== 'saving') this.saveState = 'dirty';
    const timer = setTimeout(() => void this.flush(), 900);
    return () => clearTimeout(timer);
  }

  async flush(): Promise<void> {
    while (this.#saving) await this.#saving;
    const changes = this.#changes();
    if (Object.keys(changes).length === 0 || this.saveState === 'conflict') return;
    this.#saving = this.#save(changes).finally(() => { this.#saving = null; });
    await this.#saving;
  }

  async #save(changes: Partial<Draft>) {
    const sent = $state.snapshot(this.draft) as Draft;
    if (!sent.name.trim()) { this.saveState = 'failed'; return; }
    this.saveState = 'saving';
    try {
      const saved = await patch('/campaigns/{id}', { path: { id: this.id }, body: { ...changes, version: this.#version } });
      this.#version = saved.version;
      this.#saved = sent;
      this.savedAt = saved.updatedAt;
      this.saveError = null;
      this.campaign.set(saved);
      this.saveState = Object.keys(this.#changes()).length > 0 ? 'dirty' : 'saved';
      await this.#after();
    } catch (cause) {
      this.saveError = toApiError(cause);
      this.saveState = this.saveError.status === 409 && this.saveError.code !== 'wrong_state' ? 'conflict' : 'failed';
    }
  }

  async #after() {
    const counted = this.draft?.targets.some(({ mode }) => mode === 'include') ? this.estimate.load() : Promise.resolve();
    await Promise.all([this.checks.load(), counted]);
  }

  /** Call in an effect: draws the preview 300 ms after the last change. */
  preview(): (() => void) | undefined {
    if (!this.draft) return undefined;
    const { html, text, subject, preheader } = this.draft;
    const turn = ++this.#renderTurn;
    const timer = setTimeout(() => {
      post('/render', { body: { html, text, subject, preheader } }).then(
        (rendered) => { if (turn === this.#renderTurn) { this.rendered = rendered; this.renderError = null; } },
        (cause: unknown) => { if (turn === this.#renderTurn) this.renderError = toApiError(cause); },
      );
    }, 300);
    return () => clearTimeout(timer);
  }

  test = new Action(async (emails: string[]) => {
    await this.flush();
    return (await post('/campaigns/{id}/test', { path: { id: this.id }, body: { emails }, idempotencyKey: crypto.randomUUID() })).results;
  });
  #launchKey = crypto.randomUUID();
  launch = new Action(async (acknowledgeWarnings: boolean) => {
    await this.flush();
    return post('/campaigns/{id}/launch', { path: { id: this.id }, body: { acknowledgeWarnings }, idempotencyKey: this.#launchKey });
  });
}
