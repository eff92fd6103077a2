import { address, get, post } from '$lib/api/client.ts';
import type { Import, ImportColumn, Preview } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { loadLists } from './customers.svelte.ts';
import { LiveStream } from './live.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';

const going = new Set(['queued', 'validating', 'running']);
export const isGoing = (one: Pick<Import, 'state'>) => going.has(one.state);
export const rejectedHref = (one: Pick<Import, 'id'>) => address('/imports/{id}/rejected', { path: { id: one.id } });

/** The way of one file: chosen, uploaded, previewed, running, done. */
export class Uploads extends Rows<Import> {
  lists = new Resource(loadLists);
  current = $state.raw<Import | null>(null);
  preview = $state.raw<Preview | null>(null);
  columns: ImportColumn[] = $state([]);
  emptyCellsClear = $state(false);
  live = new LiveStream<Import>((one) => this.take(one));

  constructor() {
    super((query) => get('/imports', { query }));
  }

  take(one: Import) {
    this.current = one;
    this.replace((row) => row.id === one.id, one);
    if (!isGoing(one)) this.live.close();
  }

  upload = new Action(async (file: File, target: { listId?: string; listName?: string }) => {
    const reply = await post('/imports', {
      query: { fileName: file.name, ...target, start: 'false' },
      body: file,
      idempotencyKey: crypto.randomUUID(),
    });
    this.current = reply;
    this.#show(reply.preview);
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
    const started = await post('/imports/{id}/start', { path: { id: this.current.id }, body: { columns: $state.snapshot(this.columns), emptyCellsClear: this.emptyCellsClear }, idempotencyKey: crypto.randomUUID() });
    this.preview = null;
    this.take(started);
    this.watch(started.id);
    void this.reload();
    return started;
  });

  cancel = new Action(async (id: string) => {
    this.take(await post('/imports/{id}/cancel', { path: { id } }));
    return true;
  });

  watch(id: string) { this.live.open(address('/imports/{id}/live', { path: { id } })); }

  /** Opens one import of the history: its progress while it runs, its result when done, its preview when not started. */
  async open(id: string) {
    this.preview = null;
    const one = await get('/imports/{id}', { path: { id } });
    this.take(one);
    if (isGoing(one)) this.watch(id);
    else if (one.state === 'uploaded') this.#show(await get('/imports/{id}/preview', { path: { id } }));
  }

  leave() {
    this.live.close();
    this.current = null;
    this.preview = null;
    void this.reload();
  }
}
