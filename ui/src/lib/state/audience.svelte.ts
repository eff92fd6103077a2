import { post, type ApiError } from '$lib/api/client.ts';
import type { Count, Customer, Explanation, FieldProblem, Rule } from '$lib/api/types.ts';
import { fromText, nodeAt } from '$lib/segment/tree.ts';
import { toApiError } from './resource.svelte.ts';

/** A count is asked this long after the last change. */
const CALM_MS = 400;

export interface Mark { message: string; level: 'error' | 'warning' }

/**
 * Who a rule matches now. From the moment a rule is given until its own answer comes, nothing counts as fresh; an answer
 * that a later question overtook is dropped, and its request broken off.
 */
export class Audience {
  count = $state.raw<Count | null>(null);
  samples = $state.raw<Customer[]>([]);
  error = $state.raw<ApiError | null>(null);
  state = $state<'counting' | 'fresh' | 'incomplete' | 'failed'>('counting');
  /** What the server says of conditions, by the condition itself: it holds until she is changed, wherever she is moved. */
  #marks = $state.raw<ReadonlyMap<string, Mark>>(new Map());
  /** What concerns the rule as a whole. */
  problems = $state.raw<readonly string[]>([]);

  markOf(node: object): Mark | null {
    return this.#marks.size === 0 ? null : (this.#marks.get(JSON.stringify(node)) ?? null);
  }

  #stop = () => {};

  /** Breaks the question before off. @param rule null while it cannot be asked. @returns what breaks this one off */
  ask(rule: Rule | null, patienceMs = CALM_MS): () => void {
    this.#stop();
    if (rule === null) {
      this.state = 'incomplete';
      return (this.#stop = () => {});
    }
    this.state = 'counting';
    const abort = new AbortController();
    const timer = setTimeout(() => void this.#ask(rule, abort.signal), patienceMs);
    return (this.#stop = () => {
      clearTimeout(timer);
      abort.abort();
    });
  }

  async #ask(rule: Rule, signal: AbortSignal) {
    try {
      const body = { rule };
      const [count, sample] = await Promise.all([post('/segments/count', { body, signal }), post('/segments/sample', { body, signal })]);
      if (signal.aborted) return;
      this.count = count;
      this.samples = sample.data;
      this.error = null;
      this.#mark(rule, count.warnings, 'warning');
      this.state = 'fresh';
    } catch (cause) {
      if (signal.aborted) return;
      this.error = toApiError(cause);
      this.#mark(rule, this.error.fields, 'error');
      this.state = 'failed';
    }
  }

  #mark(rule: Rule, said: readonly FieldProblem[], level: Mark['level']) {
    const marks = new Map<string, Mark>();
    const problems: string[] = [];
    for (const { field, message } of said) {
      const node = nodeAt(rule, fromText(field));
      if (node === undefined || 'parts' in node) problems.push(message);
      else marks.set(JSON.stringify(node), { message, level });
    }
    this.#marks = marks;
    this.problems = problems;
  }
}

/** Why one customer is in a rule's audience or not; asked again when the rule changes. */
export class Explainer {
  email = $state('');
  answer = $state.raw<Explanation | null>(null);
  error = $state.raw<ApiError | null>(null);
  busy = $state(false);
  /** The rule, as text, that the answer is about. */
  #about = $state.raw('');
  #turn = 0;

  isAbout = (rule: string) => this.answer !== null && this.#about === rule;

  async ask(rule: Rule): Promise<void> {
    const turn = ++this.#turn;
    const email = this.email.trim();
    if (email === '') return;
    this.busy = true;
    try {
      const answer = await post('/segments/explain', { body: { rule, email } });
      if (turn !== this.#turn) return;
      this.answer = answer;
      this.#about = JSON.stringify(rule);
      this.error = null;
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.answer = null;
      this.error = toApiError(cause);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
