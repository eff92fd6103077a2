/**
 * What a customer was sent and did, as the database and the index hold it: per event the last time, the count, and
 * packed longs that say when she last did it with which mail. Columns and fields have the same names.
 */

/** Events of mail in the order of their columns. `opened` and `clicked` are people's; `_any` includes machines. */
export const mailEvents = ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed', 'opened_any', 'clicked_any'] as const;

export type MailEvent = (typeof mailEvents)[number];

/** Numbers stay below 2^21, so that a packed value stays below 2^53. */
const NUMBER_STEP = 2 ** 32;

/** A number (of a mail, of a custom event) with a second since 1970 or a count, in one long that sorts by number first. */
export function pack(no: number, low: number): number {
  return no * NUMBER_STEP + low;
}

/** Packed values of one number: both ends included. @param from lowest second or count */
export function packedRange(no: number, from = 0): { readonly gte: number; readonly lte: number } {
  return { gte: pack(no, from), lte: pack(no, NUMBER_STEP - 1) };
}

/** Columns of `customer_activity` that the document takes over as they are. */
export const activityColumns: readonly string[] = [...mailEvents.flatMap((event) => [`${event}_last`, `${event}_count`, `${event}_in`]), 'custom_events', 'custom_event_counts'];
