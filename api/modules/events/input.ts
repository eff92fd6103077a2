import { z } from 'zod';
import { parseEmailAddress, type EmailAddress } from '#domain/customer/email-address.ts';
import { eventNames } from '#domain/segment/events.ts';
import type { FieldError } from '#domain/shared/errors.ts';
import { toFieldErrors } from '../../http/problem.ts';

export const EVENTS_MAX = 1_000;
const PROPERTIES_MAX_BYTES = 32 * 1_024;
const OLDEST_MS = 366 * 86_400_000;
const NEWEST_MS = 5 * 60_000;
const NAME = /^[a-z0-9_.-]{1,64}$/;
const reserved: ReadonlySet<string> = new Set(eventNames.filter((name) => name !== 'custom'));

/** One event as programs give it. */
export const EventInput = z.strictObject({
  name: z.string().regex(NAME, 'A name has 1 to 64 of a-z, 0-9, _, . and -.'),
  email: z.string().max(1_000).optional(),
  customerId: z.int().min(1).optional(),
  properties: z.record(z.string().max(200), z.unknown()).optional(),
  occurredAt: z.iso.datetime({ offset: true, message: 'Expected a time like 2026-01-31T09:00:00Z.' }).optional(),
  id: z.string().min(1).max(200).optional().describe('Of your own: the same one within 7 days is taken once.'),
  createCustomer: z.boolean().optional().describe('Whether an address nobody has becomes a customer.'),
});

/** An event that can be taken if its customer is known. */
export interface ReadEvent {
  readonly name: string;
  readonly who: { readonly id: number } | { readonly address: EmailAddress; readonly make: boolean };
  readonly properties: Readonly<Record<string, unknown>>;
  /** Epoch ms. */
  readonly at: number;
  readonly id: string | null;
}

export type ReadItem = { readonly event: ReadEvent } | { readonly errors: readonly FieldError[] };

/** Reads each event by itself, so that a wrong one costs nobody else. @param now epoch ms */
export function readEvents(items: readonly unknown[], now: number): ReadItem[] {
  return items.map((item, index) => {
    const parsed = EventInput.safeParse(item);
    const errors = parsed.success ? problemsOf(parsed.data, now) : toFieldErrors(parsed.error.issues);
    if (!parsed.success || errors.length > 0) return { errors: errors.map(({ field, message }) => ({ field: field === '' ? `events[${index}]` : `events[${index}].${field}`, message })) };
    const { name, email, customerId, properties = {}, occurredAt, id = null, createCustomer = false } = parsed.data;
    const address = email === undefined ? null : parseEmailAddress(email);
    const who = address !== null && !('problem' in address) ? { address, make: createCustomer } : { id: customerId! };
    return { event: { name, who, properties, at: occurredAt === undefined ? now : Date.parse(occurredAt), id } };
  });
}

function problemsOf({ name, email, customerId, properties, occurredAt, createCustomer }: z.infer<typeof EventInput>, now: number): FieldError[] {
  const problems: FieldError[] = [];
  const refuse = (field: string, message: string) => void problems.push({ field, message });
  if (reserved.has(name)) refuse('name', `“${name}” is a name of mail events. Choose another one.`);
  if (email === undefined && customerId === undefined) refuse('email', 'Say whose event it is: email or customerId.');
  if (email !== undefined && customerId !== undefined) refuse('customerId', 'Give email or customerId, not both.');
  if (createCustomer === true && email === undefined) refuse('createCustomer', 'A customer is made of an email address; give email.');
  const address = email === undefined ? null : parseEmailAddress(email);
  if (address !== null && 'problem' in address) refuse('email', address.problem);
  if (properties !== undefined) {
    const bytes = Buffer.byteLength(JSON.stringify(properties));
    if (bytes > PROPERTIES_MAX_BYTES) refuse('properties', `Properties have ${bytes.toLocaleString('en-US')} bytes; at most ${PROPERTIES_MAX_BYTES.toLocaleString('en-US')} are possible.`);
  }
  if (occurredAt !== undefined) {
    const at = Date.parse(occurredAt);
    if (at < now - OLDEST_MS) refuse('occurredAt', 'This was more than a year ago.');
    if (at > now + NEWEST_MS) refuse('occurredAt', 'This is more than 5 minutes ahead.');
  }
  return problems;
}
