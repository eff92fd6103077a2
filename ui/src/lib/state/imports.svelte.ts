import { address, get, post, request } from '$lib/api/client.ts';
import type { Import, ImportColumn, Preview } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { loadLists } from './customers.svelte.ts';
import { LiveStream } from './live.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';

const going = new Set(['queued', 'validating', 'running']);
export const isGoing = (one: Pick<Import, 'state'>) => going.has(one.state);
export const rejectedHref = (one: Pick<Import, 'id'>) => address(`/imports/${one.id}/rejected`);

/** The way of one file: chosen, uploaded, previewed, running, done. */
export class Uploads extends Rows<Import> {
  lists = new Resource(loadLists);
  current = $state.raw<Import | null>(null);
  preview = $state.raw<Preview | null>(null);
  columns: ImportColumn[] = $state([]);
  emptyCellsClear = $state(false);
  live = new LiveStream<Import>((one) => this.take(one));

  constructor() {
    super('/imports');
  }

  take(one: Import) {
    this.current = one;
    this.replace((row) => row.id === one.id, one);
    if (!isGoing(one)) this.live.close();
  }

  upload = new Action(async (file: File, target: { listId?: string; listName?: string }) => {
    const reply = await request<Import & { preview?: Preview }>('POST', '/imports', {
      query: { fileName: file.name, ...target, start: false },
      raw: { content: file, type: 'text/csv' },
      idempotencyKey: crypto.randomUUID(),
    });
    this.current = reply;
    this.#show(reply.preview ?? (await get<Preview>(`/imports/${reply.id}/preview`)));
    void this.reload();
    void this.lists.load();
    return reply;
  });

  #show(preview: Preview) {
    this.preview = preview;
    this.columns = preview.columns.map((column) => ({ ...column }));
  }

  start = new Action(async () => {
    if (!this.current) return null;
    const started = await post<Import>(`/imports/${this.current.id}/start`, { columns: $state.snapshot(this.columns), emptyCellsClear: this.emptyCellsClear }, crypto.randomUUID());
    this.preview = null;
    this.take(started);
    this.watch(started.id);
    void this.reload();
    return started;
  });

  cancel = new Action(async (id: string) => {
    this.take(await post<Import>(`/imports/${id}/cancel`));
    return true;
  });

  watch(id: string) { this.live.open(`/imports/${id}/live`); }

  /** Opens one import of the history: its progress while it runs, its result when done, its preview when not started. */
  async open(id: string) {
    this.preview = null;
    const one = await get<Import>(`/imports/${id}`);
    this.take(one);
    if (isGoing(one)) this.watch(id);
    else if (one.state === 'uploaded') this.#show(await get<Preview>(`/imports/${id}/preview`));
  }

  leave() {
    this.live.close();
    this.current = null;
    this.preview = null;
    void this.reload();
  }
}
