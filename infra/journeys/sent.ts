import type { JourneyWork } from './enter.ts';
import { readHappened } from './happened.ts';
import { mailFilterOf } from './mail-filter.ts';
import { noNudges, settleRuns, termsIn, type Nudges } from './react.ts';

/** Ordinals of a mail as ranges with both ends: `[from, to, from, to, …]`. */
interface SentRanges {
  readonly mailNo: number;
  readonly ranges: readonly number[];
}

/**
 * Sent mails are rows of the ledger, no events; journeys that wait for one, or whose goal is one, get an event of it for the
 * people inside. In the transaction that takes the sent ranges over; others cost a look at the counters.
 */
export async function reactToSent(work: JourneyWork, sent: readonly SentRanges[]): Promise<Nudges> {
  const { tx } = work;
  const versions = await tx.rows<{ journeyId: string; versionNo: number }>(`select distinct journey_id::text as "journeyId", version_no as "versionNo" from enrollment_count where state = 'active' and n > 0`);
  const asking: string[] = [];
  for (const { journeyId, versionNo } of versions) {
    const { goal, waits } = await termsIn(work, journeyId, versionNo);
    const waited = [...waits.values()].some((node) => (node.config['event'] as { type?: unknown } | undefined)?.type === 'sent');
    if (waited || (goal?.kind === 'event' && goal.event === 'sent')) asking.push(journeyId);
  }
  if (asking.length === 0) return noNudges;
  const ranges = sent.flatMap(({ mailNo, ranges: [...ends] }) => Array.from({ length: ends.length / 2 }, (_, i) => ({ mailNo, from: ends[2 * i]!, to: ends[2 * i + 1]! })));
  const made = await tx.rows<{ id: number }>(NOTE, [ranges.map((each) => each.mailNo), ranges.map((each) => each.from), ranges.map((each) => each.to), asking]);
  const events = await readHappened(tx, made.map((row) => row.id));
  return { started: [], woken: events.length === 0 ? [] : await settleRuns(work, events, await mailFilterOf(tx, events.map((event) => event.mailNo))) };
}

const NOTE = /* sql */ `
insert into event (type, customer_id, mail_no, ordinal, occurred_at, source)
select 'sent', m.customer_id, m.mail_no, m.ordinal, m.ended_at, 'smtp'
  from unnest($1::int[], $2::int[], $3::int[]) r(mail_no, first, last) join message m on m.mail_no = r.mail_no and m.ordinal between r.first and r.last and m.state = 2 and m.ended_at is not null
 where exists (select from enrollment e where e.customer_id = m.customer_id and e.state = 'active' and e.journey_id = any($4::uuid[]))
   and not exists (select from event v where v.customer_id = m.customer_id and v.occurred_at = m.ended_at and v.type = 'sent' and v.mail_no = m.mail_no)
 order by m.mail_no, m.ordinal returning id`;
