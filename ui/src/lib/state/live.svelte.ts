/**
 * Numbers pushed by the server. `stale` says that the stream is broken and being rebuilt:
 * what is shown then must not pass for fresh.
 */
export class LiveStream<T> {
  stale = $state(false);
  #source: EventSource | null = null;
  #take: (value: T) => void;

  constructor(take: (value: T) => void) {
    this.#take = take;
  }

  open(address: string): () => void {
    this.close();
    const source = new EventSource(address, { withCredentials: true });
    source.onopen = () => { this.stale = false; };
    source.onmessage = (event: MessageEvent<string>) => {
      this.stale = false;
      this.#take(JSON.parse(event.data) as T);
    };
    source.onerror = () => { if (this.#source === source) this.stale = true; };
    this.#source = source;
    return () => this.close();
  }

  close() {
    this.#source?.close();
    this.#source = null;
    this.stale = false;
  }
}
