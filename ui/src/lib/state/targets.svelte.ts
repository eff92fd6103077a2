import { get } from '$lib/api/client.ts';
import type { ApiError } from '$lib/api/client.ts';
import type { CampaignExplanation, EstimateExample, EstimateLine, Target } from '$lib/api/types.ts';
import { builder } from '$lib/strings/en/builder.ts';
import { Resource, toApiError } from './resource.svelte.ts';

export interface TargetChoice { readonly kind: Target['kind']; readonly id: string; readonly name: string }
type Kind = Target['kind'];

const PAGE = 200;
const read = async (kind: 'list' | 'segment', search: string): Promise<TargetChoice[]> => {
  const query = { limit: PAGE, ...(search === '' ? {} : { search }) };
  const { data } = kind === 'list' ? await get('/lists', { query }) : await get('/segments', { query });
  return data.map(({ id, name }) => ({ kind, id, name }));
};
/** Null when it is gone. */
const readOne = ({ kind, id }: Target): Promise<TargetChoice | null> => {
  const path = { id };
  const named = kind === 'list' ? get('/lists/{id}', { path }) : kind === 'segment' ? get('/segments/{id}', { path }) : get('/campaigns/{id}', { path });
  return named.then(({ name }) => ({ kind, id, name: kind === 'list' || kind === 'segment' ? name : builder.ofCampaign[kind](name) }), () => null);
};

/** Lists and segments a campaign can go to: the first 200 of each, more as one searches, and what it names already. */
export class TargetChoices {
  #known = $state.raw<ReadonlyMap<string, TargetChoice>>(new Map());
  isReady = $state(false);

  all = $derived.by(() => [...this.#known.values()].sort((a, b) => a.name.localeCompare(b.name)));
  of = (target: Pick<Target, 'kind' | 'id'>): TargetChoice | null => this.#known.get(`${target.kind} ${target.id}`) ?? null;

  async load(targets: readonly Target[]): Promise<void> {
    await this.find('');
    this.#add((await Promise.all(targets.filter((target) => this.of(target) === null).map(readOne))).filter((one) => one !== null));
    this.isReady = true;
  }
  find = async (search: string): Promise<void> => this.#add((await Promise.all((['list', 'segment'] as const).map((kind) => read(kind, search).catch(() => [])))).flat());

  #add(found: readonly TargetChoice[]) {
    this.#known = new Map([...this.#known, ...found.map((one) => [`${one.kind} ${one.id}`, one] as const)]);
  }
}

/** Some of the people of one line of an estimate. */
export class Examples extends Resource<EstimateExample[]> {
  constructor(id: string, readonly line: EstimateLine) {
    super(() => get('/campaigns/{id}/estimate/examples', { path: { id }, query: { line } }).then(({ data }) => data));
  }
}

/** Whether one address would get a campaign or not, and why. */
export class AddressQuestion {
  email = $state('');
  answer = $state.raw<CampaignExplanation | null>(null);
  error = $state.raw<ApiError | null>(null);
  busy = $state(false);
  #turn = 0;

  constructor(readonly campaignId: string) {}

  ask = async (): Promise<void> => {
    const turn = ++this.#turn;
    const email = this.email.trim();
    if (email === '') return;
    this.busy = true;
    try {
      const answer = await get('/campaigns/{id}/explain', { path: { id: this.campaignId }, query: { email } });
      if (turn !== this.#turn) return;
      [this.answer, this.error] = [answer, null];
    } catch (cause) {
      if (turn === this.#turn) [this.answer, this.error] = [null, toApiError(cause)];
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  };
}
