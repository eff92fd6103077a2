import { createHmac, randomUUID } from 'node:crypto';
import { settled } from '../db/contention.ts';
import { statement, type Sql } from '../db/sql.ts';
import type { Place, Standing } from './members.ts';

/** Attempts of a webhook, from its first: what may be a server's trouble is over after a day. */
const MINUTE = 60_000;
const attemptsAtMs = [0, 5_000, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, 300 * MINUTE, 600 * MINUTE, 960 * MINUTE, 1_440 * MINUTE] as const;

/** When the attempt after `attempt` attempts is due; null: there was the last. */
export function nextAttemptAt(firstAt: number, attempt: number): number | null {
  const after = attemptsAtMs[attempt];
  return after === undefined ? null : firstAt + after;
}

/** Headers of Standard Webhooks: a signature over id, time and body, which its receiver can check. @param secret `whsec_` and base64, or any text @param at epoch ms */
export function signedHeaders(secret: string | null, id: string, body: string, at: number): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  if (secret === null || secret === '') return { 'webhook-id': id, 'webhook-timestamp': timestamp };
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret, 'utf8');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

/** The ledger row of one visit's webhook. */
export interface Webhook {
  readonly enrollmentId: number;
  readonly visit: number;
  readonly messageId: string;
  readonly body: string;
  /** Attempts that were begun. */
  readonly attempt: number;
  readonly state: 'pending' | 'succeeded' | 'failed';
  readonly status: number | null;
  readonly response: string | null;
  /** Epoch ms. */
  readonly firstAt: number;
  readonly nextAt: number;
}

/** Fixes id and body of everybody's webhook before its first attempt, so that every attempt says the same; who has one keeps it. */
export async function placeWebhooks(sql: Sql, place: Place, members: readonly Standing[], bodyOf: (member: Standing) => string, now: number): Promise<Webhook[]> {
  const known = await readWebhooks(sql, members);
  const has = new Set(known.map((webhook) => webhook.enrollmentId));
  const missing = members.filter((member) => !has.has(member.enrollmentId));
  if (missing.length === 0) return known;
  await settled(sql, (tx) => tx.run(PLACE, [
    place.cohortId, place.node, now, missing.map((member) => member.enrollmentId), missing.map((member) => member.visit), missing.map(() => `msg_${randomUUID()}`), missing.map(bodyOf)]));
  return readWebhooks(sql, members);
}

// Her run is held: whoever erases her finds what is said of her here, or nothing is written.
const PLACE = statement('journey-webhook-place', /* sql */ `
insert into journey_webhook (enrollment_id, visit, message_id, body, first_at, next_at)
select id, visit, message_id, body, to_timestamp($3::float8 / 1000), to_timestamp($3::float8 / 1000) from (
  select e.id, e.visit, u.message_id, u.body from unnest($4::bigint[], $5::int[], $6::text[], $7::text[]) u(id, visit, message_id, body) join enrollment e on e.id = u.id and e.visit = u.visit
   where e.cohort_id = $1 and e.node_id = $2 and e.state = 'active' order by e.id for share of e) here
on conflict do nothing`);

export function readWebhooks(sql: Pick<Sql, 'rows'>, members: readonly Pick<Standing, 'enrollmentId' | 'visit'>[]): Promise<Webhook[]> {
  return sql.rows(WEBHOOKS, [members.map((member) => member.enrollmentId), members.map((member) => member.visit)]);
}

const WEBHOOKS = statement('journey-webhooks', /* sql */ `
select w.enrollment_id as "enrollmentId", w.visit, w.message_id as "messageId", w.body, w.attempt, w.state, w.status, w.response,
       (extract(epoch from w.first_at) * 1000)::bigint as "firstAt", (extract(epoch from w.next_at) * 1000)::bigint as "nextAt"
  from unnest($1::bigint[], $2::int[]) u(id, visit) join journey_webhook w on w.enrollment_id = u.id and w.visit = u.visit order by 1`);

/** The intent of one attempt. @returns false when it is not ours to make: another makes it, or she has left */
export async function beginAttempt(sql: Pick<Sql, 'run'>, webhook: Webhook): Promise<boolean> {
  return (await sql.run(BEGIN, [webhook.enrollmentId, webhook.visit, webhook.attempt])) === 1;
}

const BEGIN = statement('journey-webhook-begin', /* sql */ `
update journey_webhook w set attempt = w.attempt + 1 from enrollment e
 where w.enrollment_id = $1 and w.visit = $2 and w.attempt = $3 and w.state = 'pending' and e.id = $1 and e.visit = $2 and e.state = 'active'`);

export interface AttemptEnd {
  readonly state: Webhook['state'];
  readonly status: number | null;
  readonly response: string | null;
  /** Epoch ms. */
  readonly nextAt: number;
}

export async function endAttempt(sql: Pick<Sql, 'run'>, webhook: Webhook, { state, status, response, nextAt }: AttemptEnd): Promise<void> {
  await sql.run(END, [webhook.enrollmentId, webhook.visit, webhook.attempt + 1, state, status, response, nextAt]);
}

const END = statement('journey-webhook-end', /* sql */ `
update journey_webhook set state = $4, status = $5, response = $6, next_at = to_timestamp($7::float8 / 1000) where enrollment_id = $1 and visit = $2 and attempt = $3 and state = 'pending'`);
