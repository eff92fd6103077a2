import type { CampaignTarget } from '#domain/campaign/targets.ts';
import { packedRange } from '#domain/customer/activity.ts';
import { both, linesOf, alive, anyOf, ask, untilFresh, without } from './ask.ts';
import { readAudience } from './audience.ts';
import { readFresh } from './freshness.ts';
import type { SearchScope } from './scope.ts';

/** How far a frozen audience is from what its targets mean today. */
export interface Drift {
  /** In the frozen audience. */
  readonly frozen: number;
  /** Who would be in today: included, not excluded, mailable. */
  readonly today: number;
  readonly join: number;
  readonly leave: number;
  /** Among those who would leave: no mail may go to them any more. */
  readonly unmailable: number;
}

/** Ids in one question; the server takes 65,536. */
const IDS = 50_000;

/**
 * Compares a frozen audience with today's, from counts alone. Who was sent the mail is known to the index; whom it has
 * not is given by `unsent`.
 * @param frozen recipients
 * @param unsent ids of recipients who were not sent the mail, in pages
 * @throws AppError `invalid` when a target is gone or its rule cannot be asked, `unavailable` when the index is behind by more than 10 s
 */
export async function countDrift(scope: SearchScope, targets: readonly CampaignTarget[], mailNo: number, frozen: number, unsent: AsyncIterable<readonly number[]>): Promise<Drift> {
  const audience = await readFresh(() => readAudience(scope, targets), (asked) => untilFresh(scope, { ...asked, sent: true }));
  const meant = without(both(alive, { term: { mailable: true } }, anyOf(audience.included)), ...audience.excluded);
  const sent = both(alive, { range: { sent_in: packedRange(mailNo) } });
  const mailable = { term: { mailable: true } } as const;
  const count = async (lines: Readonly<Record<string, ReturnType<typeof both>>>) => linesOf(await ask(scope, audience.index, { size: 0, track_total_hits: false, query: alive, aggs: { lines: { filters: { filters: { ...lines } } } } }));
  const of = await count({ today: audience.included.length === 0 ? { match_none: {} } : meant, stayed: both(meant, sent), mailable: both(sent, mailable) });
  let stayed = of('stayed');
  let stillMailable = of('mailable');
  for await (const page of unsent) {
    for (let i = 0; i < page.length; i += IDS) {
      const these = { terms: { id: page.slice(i, i + IDS) } };
      const found = await count({ stayed: both(meant, these), mailable: both(alive, these, mailable) });
      stayed += found('stayed');
      stillMailable += found('mailable');
    }
  }
  return { frozen, today: of('today'), join: of('today') - stayed, leave: frozen - stayed, unmailable: frozen - stillMailable };
}
