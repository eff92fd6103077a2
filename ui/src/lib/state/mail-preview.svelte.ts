import { untrack } from 'svelte';
import { post } from '$lib/api/client.ts';
import type { ApiError } from '$lib/api/client.ts';
import type { Body, Rendered } from '$lib/api/types.ts';
import { toApiError } from './resource.svelte.ts';

type Asked = Body<'/render', 'post'>;
/** Whose eyes a mail is seen with. */
export interface Reader { readonly id: number; readonly email: string }

/** A mail that is being written, as a person would get it: drawn anew while one types. */
export class MailPreview {
  rendered = $state.raw<Rendered | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** Null is the sample person. */
  reader = $state.raw<Reader | null>(null);
  /** Other choices of spintax than the reader's own. */
  seed = $state<number | null>(null);
  #turn = 0;

  reroll = () => { this.seed = Math.floor(Math.random() * 2_147_483_647); };
  readAs(reader: Reader | null) {
    this.reader = reader;
    this.seed = null;
  }

  /** Call in an effect: draws 300 ms after the last change; an answer that a later question overtook is dropped. */
  draw(mail: Asked): () => void {
    const body = { ...mail, ...(this.reader ? { customerId: this.reader.id } : {}), ...(this.seed === null ? {} : { seed: this.seed }) };
    const turn = ++this.#turn;
    const timer = setTimeout(() => {
      post('/render', { body }).then(
        (rendered) => { if (turn === this.#turn) { this.rendered = rendered; this.error = null; } },
        (cause: unknown) => { if (turn === this.#turn) this.error = toApiError(cause); },
      );
    }, untrack(() => this.rendered) === null ? 0 : 300);
    return () => clearTimeout(timer);
  }
}
