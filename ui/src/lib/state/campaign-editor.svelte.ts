import { untrack } from 'svelte';
import { get, patch, post } from '$lib/api/client.ts';
import type { ApiError } from '$lib/api/client.ts';
import type { Campaign, Checks, Connection, Estimate, Experiment, TestRequest } from '$lib/api/types.ts';
import { changesOf, draftOf, isGiven, stepOf, type Draft, type Step } from '$lib/campaign/draft.ts';
import { newExperiment } from '$lib/campaign/experiment.ts';
import { lanesOf } from '$lib/campaign/plan.ts';
import { launchNow, whenProblem, type When } from '$lib/campaign/when.ts';
import { tagsOf } from '$lib/content/tags.ts';
import { presentMs } from '$lib/format/format.svelte.ts';
import { builder } from '$lib/strings/en/builder.ts';
import { usedConnections } from '#domain/campaign/delivery.ts';
import { variantsOf } from '#domain/campaign/experiment.ts';
import { Action } from './action.svelte.ts';
import { loadFields } from './customers.svelte.ts';
import { loadConnections } from './forms.svelte.ts';
import { MailPreview } from './mail-preview.svelte.ts';
import { Resource, toApiError } from './resource.svelte.ts';
import { session } from './session.svelte.ts';
import { TargetChoices } from './targets.svelte.ts';

export type SaveState = 'saved' | 'dirty' | 'saving' | 'failed' | 'conflict';
export type Mark = 'complete' | 'incomplete' | 'faulty';

const SAVE_AFTER_MS = 900;
/** A server that could not be reached is tried again. */
const RETRY_MS = 5_000;

/** A draft being written: saved by itself, checked and counted after every save. */
export class CampaignEditor {
  draft: Draft | null = $state(null);
  campaign: Resource<Campaign>;
  when = $state<When>(launchNow);
  saveState = $state<SaveState>('saved');
  savedAt = $state<string | null>(null);
  saveError = $state.raw<ApiError | null>(null);
  checks = new Resource<Checks>(() => get('/campaigns/{id}/checks', { path: { id: this.id } }));
  estimate = new Resource<Estimate>(() => get('/campaigns/{id}/estimate', { path: { id: this.id } }));
  preview = new MailPreview();
  choices = new TargetChoices();
  connections = new Resource<Connection[]>(loadConnections);
  fields = new Resource(loadFields);
  /** Which alternatives are looked at and written, from 0. */
  shown = $state({ subject: 0, content: 0, fromName: 0 });
  #version = 0;
  #saved: Draft | null = null;
  #saving: Promise<void> | null = null;
  #countedFor = $state('');
  /** What the checks are about: what is typed since then may have mended it. */
  #checked = $state.raw<Draft | null>(null);
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** The test that was switched off last, should it be switched on again. */
  #keptTest: Experiment | null = null;

  constructor(readonly id: string) {
    this.campaign = new Resource(() => get('/campaigns/{id}', { path: { id } }));
  }

  errors = $derived.by(() => this.checks.value?.errors ?? []);
  warnings = $derived.by(() => this.checks.value?.warnings ?? []);
  isTargeted = $derived.by(() => this.draft?.targets.some(({ mode }) => mode === 'include') ?? false);
  /** The estimate is of the targets as they stand. */
  isCounted = $derived.by(() => this.estimate.status === 'ready' && this.#countedFor === JSON.stringify(this.draft?.targets));
  /** How many get the mail, or null while that is not known. */
  recipients = $derived.by(() => (this.isTargeted && this.isCounted ? (this.estimate.value?.final ?? null) : null));
  tags = $derived.by(() => tagsOf(this.fields.value ?? []));
  used = $derived.by(() => (this.draft ? usedConnections(this.draft.delivery) : []));
  lanes = $derived.by(() => (this.draft ? lanesOf(this.draft.delivery, this.connections.value ?? [], this.recipients) : []));
  variants = $derived.by(() => (this.draft ? variantsOf(this.draft, this.draft.experiment) : []));
  /** The variant that the alternatives looked at make. */
  variant = $derived.by(() => {
    const { contents = [], fromNames = [] } = this.draft?.experiment ?? {};
    const { subject, content, fromName } = this.shown;
    return this.variants[(subject * (contents.length + 1) + content) * (fromNames.length + 1) + fromName] ?? this.variants[0];
  });
  whenProblem = $derived.by(() => whenProblem(this.when, this.draft?.experiment != null, session.organization?.timezone ?? 'UTC', presentMs()));
  ready = $derived.by(() => this.checks.status === 'ready' && this.errors.length === 0 && this.recipients !== null && this.saveState === 'saved' && this.whenProblem === null);

  markOf(step: Step): Mark {
    if (step === 'scheduling') return this.whenProblem === null ? 'complete' : this.whenProblem === 'missing' ? 'incomplete' : 'faulty';
    const errors = this.errors.filter(({ field }) => stepOf(field) === step);
    const draft = this.#checked;
    if (draft === null) return 'incomplete';
    if (this.saveError?.fields.some(({ field }) => stepOf(field) === step)) return 'faulty';
    return errors.length === 0 ? 'complete' : errors.some(({ field }) => isGiven(draft, field)) ? 'faulty' : 'incomplete';
  }
  /** What is wrong with something that was given; what is merely missing is said by the summary. */
  errorAt(field: string): string | null {
    const isAt = (one: { field: string }) => one.field === field;
    const draft = this.#checked;
    return this.saveError?.fields.find(isAt)?.message ?? (draft && isGiven(draft, field) ? this.errors.find(isAt)?.message : undefined) ?? null;
  }

  async load() {
    void this.fields.load();
    await Promise.all([this.campaign.load(), this.connections.load()]);
    if (!this.campaign.value) return;
    this.#take(this.campaign.value);
    this.when = this.#keptWhen();
    this.#prefill();
    void this.choices.load(this.campaign.value.targets);
    void this.#after();
  }
  stop = () => clearTimeout(this.#retry);

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
    if (!this.draft || !usable[0]) return;
    if (this.draft.delivery.connections.length === 0 && usable.length === 1) this.draft.delivery.connections = [{ id: usable[0].id, percent: 100 }];
    this.fillSender();
  }
  /** An empty sender is that of the first connection. */
  fillSender() {
    const first = this.connections.value?.find(({ id }) => id === this.used[0]?.id);
    if (!this.draft || !first) return;
    this.draft.fromEmail ||= first.fromEmail ?? '';
    this.draft.fromName ||= first.fromName ?? '';
  }

  /** Which variant is looked at. @param no from 1 */
  show(no: number) {
    const { contents = [], fromNames = [] } = this.draft?.experiment ?? {};
    const [byContent, byName] = [contents.length + 1, fromNames.length + 1];
    this.shown = { subject: Math.floor((no - 1) / (byContent * byName)), content: Math.floor((no - 1) / byName) % byContent, fromName: (no - 1) % byName };
  }
  /** What is looked at stays within what there is. */
  keepShown() {
    const { subjects = [], contents = [], fromNames = [] } = this.draft?.experiment ?? {};
    this.shown = { subject: Math.min(this.shown.subject, subjects.length), content: Math.min(this.shown.content, contents.length), fromName: Math.min(this.shown.fromName, fromNames.length) };
  }
  switchTest(on: boolean) {
    if (!this.draft) return;
    if (on) this.draft.experiment = this.#keptTest ?? newExperiment($state.snapshot(this.draft) as Draft);
    else {
      this.#keptTest = $state.snapshot(this.draft.experiment) as Experiment | null;
      this.draft.experiment = null;
      this.keepShown();
    }
  }

  /** Not the campaign's until it is scheduled: this tab remembers it. */
  setWhen(when: When) {
    this.when = when;
    sessionStorage.setItem(`fermata-when-${this.id}`, JSON.stringify(when));
  }
  #keptWhen(): When {
    const kept = sessionStorage.getItem(`fermata-when-${this.id}`);
    return kept === null ? launchNow : { ...launchNow, ...(JSON.parse(kept) as Partial<When>) };
  }

  #changes(): Partial<Draft> {
    const now = $state.snapshot(this.draft) as Draft | null;
    return now && this.#saved ? changesOf(now, this.#saved) : {};
  }

  /** Call in an effect: saves 900 ms after the last change, well inside the promised two seconds. */
  autosave(): (() => void) | undefined {
    const changed = Object.keys(this.#changes()).length > 0;
    // Untracked: a refused save waits for the next change instead of trying itself again and again.
    const now = untrack(() => this.saveState);
    if (now === 'conflict') return undefined;
    if (!changed) {
      // What was refused may have been taken back.
      if (now === 'dirty' || now === 'failed') { this.saveState = 'saved'; this.saveError = null; }
      return undefined;
    }
    if (now !== 'saving') this.saveState = 'dirty';
    const timer = setTimeout(() => void this.flush(), SAVE_AFTER_MS);
    return () => clearTimeout(timer);
  }

  /** @param over a version that somebody else saved meanwhile: what was changed here goes on top of it */
  async flush(over = false): Promise<void> {
    while (this.#saving) await this.#saving;
    const changes = this.#changes();
    if (Object.keys(changes).length === 0 || (this.saveState === 'conflict' && !over)) return;
    this.#saving = this.#save(changes, over).finally(() => { this.#saving = null; });
    await this.#saving;
  }

  async #save(changes: Partial<Draft>, over: boolean) {
    clearTimeout(this.#retry);
    const sent = $state.snapshot(this.draft) as Draft;
    this.saveState = 'saving';
    try {
      if (over) this.#version = (await get('/campaigns/{id}', { path: { id: this.id } })).version;
      const saved = await patch('/campaigns/{id}', { path: { id: this.id }, body: { ...changes, version: this.#version } });
      this.#version = saved.version;
      this.campaign.set(saved);
      if (over) this.draft = { ...draftOf(saved), ...this.#changesSince(sent) };
      this.#saved = over ? draftOf(saved) : sent;
      this.savedAt = saved.updatedAt;
      this.saveError = null;
      this.saveState = Object.keys(this.#changes()).length > 0 ? 'dirty' : 'saved';
      await this.#after();
    } catch (cause) {
      const error = toApiError(cause);
      this.saveError = error;
      this.saveState = error.status === 409 ? 'conflict' : 'failed';
      // It may be no draft any more.
      if (error.status === 409) void this.campaign.load();
      if (error.status === 0 || error.status >= 500) this.#retry = setTimeout(() => void this.flush(), RETRY_MS);
    }
  }
  /** What was typed while a save was under way. */
  #changesSince(sent: Draft): Partial<Draft> {
    return changesOf($state.snapshot(this.draft) as Draft, sent);
  }

  async #after() {
    const of = this.#saved;
    const check = async () => {
      await this.checks.load();
      if (this.checks.status === 'ready') this.#checked = of;
    };
    await Promise.all([check(), this.isTargeted && !this.isCounted ? this.count() : undefined]);
  }
  /** Checks and counts once more, after a failure. */
  retry = async (): Promise<void> => { await Promise.all([this.#after(), this.isTargeted ? this.count() : undefined]); };
  /** Counts the audience anew: people come and go without a change here. */
  count = async (): Promise<void> => {
    const targets = JSON.stringify(this.#saved?.targets);
    await this.estimate.load();
    this.#countedFor = targets;
  };

  /** What is sent is what is seen. @throws ApiError why it could not be saved */
  async #settle() {
    await this.flush();
    if (this.saveState !== 'saved') throw this.saveError ?? new Error(builder.notSaved);
  }
  test = new Action(async (request: TestRequest) => {
    await this.#settle();
    return (await post('/campaigns/{id}/test', { path: { id: this.id }, body: request, idempotencyKey: crypto.randomUUID() })).results;
  });
  #startKey = crypto.randomUUID();
  /** Launches or schedules, by `when`. */
  start = new Action(async (acknowledgeWarnings: boolean) => {
    await this.#settle();
    const { isNow, ...schedule } = this.when;
    const call = { path: { id: this.id }, idempotencyKey: this.#startKey };
    const started = isNow ? await post('/campaigns/{id}/launch', { ...call, body: { acknowledgeWarnings } }) : await post('/campaigns/{id}/schedule', { ...call, body: { ...schedule, acknowledgeWarnings } });
    // Kept until it succeeds: what an unheard answer began counts once.
    this.#startKey = crypto.randomUUID();
    return started;
  });
  /** Takes the schedule away; the time stays as the wish it was. */
  unschedule = new Action(async () => {
    const schedule = this.campaign.value?.schedule;
    await post('/campaigns/{id}/unschedule', { path: { id: this.id } });
    if (schedule) this.setWhen({ isNow: false, ...schedule });
    await this.load();
    return true;
  });
}
