import { address, get, post, upload } from '$lib/api/client.ts';
import type { Import, ImportColumn, Preview, Query } from '$lib/api/types.ts';
import { columnProblems } from '#domain/customer/import-columns.ts';
import { Action } from './action.svelte.ts';
import { loadFields } from './customers.svelte.ts';
import { LiveStream } from './live.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

const going = new Set(['queued', 'validating', 'running']);
export const isGoing = (one: Pick<Import, 'state'>) => going.has(one.state);
export const rejectedHref = (one: Pick<Import, 'id'>) => address('/imports/{id}/rejected', { path: { id: one.id } });
/** Rejected rows that can be downloaded now. */
export const hasRejected = (one: Import) => one.skipped > 0 && one.fileRemovedAt === null && !isGoing(one);

export type Kind = Import['kind'];
/** Where the people of a file go besides the customers; empty: nowhere. */
export type TargetList = { listId: string } | { listName: string } | Record<string, never>;

/** The pace of the last seconds, not since the start: a file is read before its rows are applied. */
const PACE_MS = 6_000;

/** The history of one kind of files, and the way of one of them: chosen, uploaded, looked at, running, done. */
export class Uploads extends Pages<Import, Query<'/imports'>> {
  current = $state.raw<Import | null>(null);
  preview = $state.raw<Preview | null>(null);
  columns: ImportColumn[] = $state([]);
  emptyCellsClear = $state(false);
  /** Of the file that is being sent. */
  share = $state(0);
  fields = new Resource(loadFields);
  live = new LiveStream<Import>((one) => this.take(one));
  #samples = $state.raw<readonly { at: number; rows: number }[]>([]);

  constructor(readonly kind: Kind) {
    super((query) => get('/imports', { query: { ...query, kind } }), 20);
  }

  /** What keeps the file from being started, as the columns are chosen now. */
  problems = $derived.by(() => (this.preview === null ? [] : columnProblems(this.kind, this.columns)));
  rowsPerSecond = $derived.by(() => {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    return first === undefined || last === undefined || last.at - first.at < 500 ? null : ((last.rows - first.rows) / (last.at - first.at)) * 1000;
  });

  take(one: Import) {
    if (this.current?.id !== one.id) this.#samples = [];
    if (one.state === 'running') this.#samples = [...this.#samples.filter(({ at }) => Date.now() - at < PACE_MS), { at: Date.now(), rows: one.rowsDone }];
    this.current = one;
    this.replace((row) => row.id === one.id, one);
    if (!isGoing(one)) this.live.close();
  }

  upload = new Action(async (file: File, list: TargetList) => {
    this.share = 0;
    const sent = this.kind === 'customers'
      ? await upload('/imports', { fileName: file.name, ...list }, file, (share) => { this.share = share; })
      : await upload('/suppressions/import', { fileName: file.name }, file, (share) => { this.share = share; });
    const { preview, ...one } = sent;
    this.take(one);
    this.#show(preview);
    void this.reload();
    return one;
  });

  /** The same file read another way. Columns that have the same names keep what was chosen for them. */
  look = new Action(async (encoding: Preview['encoding'], delimiter: Preview['delimiter']) => {
    if (this.current === null) return null;
    const preview = await get('/imports/{id}/preview', { path: { id: this.current.id }, query: { encoding, delimiter: delimiter as NonNullable<Query<'/imports/{id}/preview'>['delimiter']> } });
    const isSame = this.preview !== null && this.preview.header.join('\n') === preview.header.join('\n');
    if (isSame) this.preview = preview;
    else this.#show(preview);
    return preview;
  });

  #show(preview: Preview) {
    this.preview = preview;
    this.columns = preview.columns.map((column) => ({ ...column }));
  }

  start = new Action(async () => {
    const { current, preview } = this;
    if (current === null || preview === null) return null;
    const started = await post('/imports/{id}/start', {
      path: { id: current.id }, idempotencyKey: crypto.randomUUID(),
      body: { encoding: preview.encoding, delimiter: preview.delimiter as ',', columns: $state.snapshot(this.columns), emptyCellsClear: this.emptyCellsClear },
    });
    this.preview = null;
    this.take(started);
    this.#watch(started.id);
    void this.reload();
    return started;
  });

  cancel = new Action(async (id: string) => {
    const cancelled = await post('/imports/{id}/cancel', { path: { id } });
    if (this.current?.id === id) this.take(cancelled);
    else this.replace((row) => row.id === id, cancelled);
    return cancelled;
  });

  #watch(id: string) { this.live.open(address('/imports/{id}/live', { path: { id } })); }

  /** Opens one import of the history: its progress while it runs, its result when done, its preview when not started. */
  open = new Action(async (id: string) => {
    this.preview = null;
    this.emptyCellsClear = false;
    const one = await get('/imports/{id}', { path: { id } });
    this.take(one);
    if (isGoing(one)) this.#watch(id);
    else if (one.state === 'uploaded') this.#show(await get('/imports/{id}/preview', { path: { id } }));
    return one;
  });

  leave() {
    this.live.close();
    this.current = null;
    this.preview = null;
    this.upload.error = this.start.error = this.look.error = this.open.error = null;
  }
}
