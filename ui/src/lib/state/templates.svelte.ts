import { get, patch, post, remove, upload } from '$lib/api/client.ts';
import type { Body, GalleryTemplate, Image, Query, Template, TemplateRow } from '$lib/api/types.ts';
import { withFooter } from '$lib/content/mail.ts';
import { tagsOf } from '$lib/content/tags.ts';
import { editing } from '$lib/strings/en/editing.ts';
import { Action } from './action.svelte.ts';
import { loadFields } from './customers.svelte.ts';
import { MailPreview } from './mail-preview.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

/** What a template gives to a mail. */
export type Start = Pick<Template, 'name' | 'subject' | 'preheader' | 'html' | 'text'>;
type Edit = Omit<Body<'/templates/{id}', 'patch'>, 'version'>;

export const loadTemplate = (id: string) => get('/templates/{id}', { path: { id } });
export const blankStart = (): Start => ({ name: '', subject: '', preheader: '', ...withFooter({ html: '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"></head>\n<body>\n<p>Hello {{first_name | default: "there"}},</p>\n</body>\n</html>\n', text: '' }, editing.footerLink) });
export const startOf = (template: GalleryTemplate | Template): Start => ({ name: template.name, subject: template.subject, preheader: template.preheader, html: template.html, text: 'text' in template ? template.text : '' });

/** Ready-made mails. */
export class Gallery extends Resource<GalleryTemplate[]> {
  constructor() {
    super(() => get('/templates/gallery').then(({ data }) => data));
  }
}

export class Templates extends Pages<TemplateRow, Query<'/templates'>> {
  constructor() {
    super((query) => get('/templates', { query }));
  }

  create = new Action((name: string, { subject, preheader, html, text }: Start) => post('/templates', { body: { name: name.trim(), subject, preheader, html, text } }));
  delete = new Action(async (template: TemplateRow) => {
    await remove('/templates/{id}', { path: { id: template.id } });
    this.drop((row) => row.id === template.id);
    return true;
  });
  /** Begins a campaign with it. */
  use = new Action(async (name: string, { subject, preheader, html, text }: Start) => {
    const made = await post('/campaigns', { body: { name: name.trim() } });
    return patch('/campaigns/{id}', { path: { id: made.id }, body: { version: made.version, subject, preheader, html, text } });
  });
}

export type TemplateDraft = Pick<Template, 'name' | 'description' | 'subject' | 'preheader' | 'html' | 'text'>;
const draftOf = ({ name, description, subject, preheader, html, text }: Template): TemplateDraft => ({ name, description, subject, preheader, html, text });

/** A template being edited: what is changed against what was saved. */
export class TemplateEditor {
  draft: TemplateDraft | null = $state(null);
  loaded: Resource<Template>;
  fields = new Resource(loadFields);
  preview = new MailPreview();
  #saved = $state.raw<TemplateDraft | null>(null);

  constructor(readonly id: string) {
    this.loaded = new Resource(() => loadTemplate(id));
  }

  tags = $derived.by(() => tagsOf(this.fields.value ?? []));
  changes = $derived.by(() => {
    const { draft } = this;
    const saved = this.#saved;
    if (draft === null || saved === null) return {};
    return Object.fromEntries((Object.keys(saved) as (keyof TemplateDraft)[]).filter((key) => draft[key] !== saved[key]).map((key) => [key, draft[key]])) as Edit;
  });
  dirty = $derived.by(() => Object.keys(this.changes).length > 0);
  isConflict = $derived.by(() => this.save.error?.status === 409 && this.save.error.fields.length === 0);

  async load() {
    void this.fields.load();
    this.save.error = null;
    await this.loaded.load();
    if (this.loaded.value) this.#take(this.loaded.value);
  }
  #take(template: Template) {
    this.#saved = draftOf(template);
    this.draft = draftOf(template);
  }

  /** What was changed, and nothing else; `over` a version newer than the one loaded. */
  save = new Action(async (over = false) => {
    const changes = $state.snapshot(this.changes) as Edit;
    const sent = $state.snapshot(this.draft) as TemplateDraft;
    const before = over ? await loadTemplate(this.id) : this.loaded.value;
    if (before === null) return null;
    const saved = await patch('/templates/{id}', { path: { id: this.id }, body: { ...changes, version: before.version } });
    this.loaded.set(saved);
    // What was typed while it was being saved stays, to be saved next.
    const typed = JSON.stringify(this.draft) === JSON.stringify(sent) ? null : ($state.snapshot(this.draft) as TemplateDraft);
    this.#take(saved);
    if (typed) this.draft = typed;
    return saved;
  });
}

/** Pictures for mails, newest first. */
export class Images extends Pages<Image, Query<'/images'>> {
  constructor() {
    super((query) => get('/images', { query }), 60);
  }

  /** The file being uploaded, and how much of it has left, 0 to 1. */
  uploading = $state.raw<{ name: string; share: number } | null>(null);
  upload = new Action(async (files: readonly File[]) => {
    const made: Image[] = [];
    try {
      for (const file of files) {
        this.uploading = { name: file.name, share: 0 };
        made.push(await upload('/images', { name: file.name.slice(0, 255) || 'picture' }, file, (share) => (this.uploading = { name: file.name, share })));
      }
      return made;
    } finally {
      this.uploading = null;
      if (made.length > 0) await this.load(this.asked);
    }
  });
  delete = new Action(async (image: Image) => {
    await remove('/images/{id}', { path: { id: image.id } });
    this.drop((row) => row.id === image.id);
    return true;
  });
}
