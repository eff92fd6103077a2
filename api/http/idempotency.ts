import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { AppError, refuse } from '#domain/shared/errors.ts';
import { statement } from '../../infra/db/sql.ts';
import type { Tenants } from '../../infra/tenancy/registry.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A run whose process died is taken over after this long. */
const ABANDONED = "interval '2 minutes'";
const KEPT = "interval '24 hours'";

const claim = statement('idempotency_claim', /* sql */ `
insert into idempotency as i (key, route, request_hash)
values ($1, $2, $3)
on conflict (key, route) do update
set request_hash = excluded.request_hash, status = null, response = null, created_at = now()
where i.created_at < now() - ${KEPT}
   or (i.status is null and i.created_at < now() - ${ABANDONED} and i.request_hash = excluded.request_hash)
returning 1`);
const read = statement('idempotency_read', 'select request_hash as "requestHash", status, response from idempotency where key = $1 and route = $2');
const finish = statement('idempotency_finish', 'update idempotency set status = $3, response = $4 where key = $1 and route = $2');
const release = statement('idempotency_release', 'delete from idempotency where key = $1 and route = $2 and status is null');

/**
 * Runs `work` at most once per `Idempotency-Key`, route and 24 h: the same body gets the same answer again.
 * A refusal is not kept, so a mended request may reuse its key.
 * @returns the answer and whether it is a repetition
 * @throws AppError `invalid` for another body under the same key, `conflict` while the first is still running
 */
export async function once(tenants: Tenants, org: string, route: string, req: Request, caller: string, work: () => Promise<Answer>): Promise<{ answer: Answer; repeated: boolean }> {
  const header = req.get('idempotency-key');
  if (header === undefined) return { answer: await work(), repeated: false };
  if (!/^[\x21-\x7e]{1,200}$/.test(header)) throw new AppError('malformed', 'Idempotency-Key: use 1 to 200 visible ASCII characters.');
  const key = `${caller} ${header}`;
  const hash = requestHash(req);
  const before = await tenants.use(org, async ({ sql }) => {
    if ((await sql.run(claim, [key, route, hash])) === 1) return null;
    return (await sql.first<{ requestHash: string; status: number | null; response: unknown }>(read, [key, route])) ?? null;
  });
  if (before !== null) {
    if (before.requestHash !== hash) throw refuse('Idempotency-Key', 'This Idempotency-Key was used with another request. Use a new key.');
    if (before.status === null) throw new AppError('conflict', 'The first request with this Idempotency-Key is still running. Try again in a moment.');
    return { answer: { status: before.status, body: before.response }, repeated: true };
  }
  let answer: Answer;
  try {
    answer = await work();
  } catch (error) {
    await tenants.use(org, ({ sql }) => sql.run(release, [key, route]));
    throw error;
  }
  await tenants.use(org, ({ sql }) => sql.run(finish, [key, route, answer.status, JSON.stringify(answer.body ?? null)]));
  return { answer, repeated: false };
}

/** Uploads are not read before the decision; their address and length stand for them. */
function requestHash(req: Request): string {
  return createHash('sha256').update(JSON.stringify([req.originalUrl, req.get('content-length') ?? '', req.body ?? null])).digest('base64url');
}
