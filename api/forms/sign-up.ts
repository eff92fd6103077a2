import type { Container } from '../../infra/container.ts';
import { unhideSuppressions } from '../../infra/customers/erasure.ts';
import { KEEP_AND_WRITE_SUPPRESSIONS } from '../../infra/customers/suppression-lock.ts';
import { settled } from '../../infra/db/contention.ts';
import type { Transaction } from '../../infra/db/sql.ts';
import { CONFIRM_DAYS } from '../../infra/forms/confirmation.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { checkReferences, upsertCustomers } from '../modules/customers/write.ts';
import type { FormRecord } from '../modules/forms/views.ts';
import { liftUnsubscribed } from '../modules/suppressions/lift.ts';
import type { Submission } from './submission.ts';

type Needs = Pick<Container, 'secrets' | 'gateway' | 'logger'>;

/** One mail per address and form in this time, so many per address and day: a form must not be a way to flood somebody. */
const PAUSE = '10 minutes';
const DAILY = 5;

/**
 * Takes a sign-up. With double opt-in it is a row and, after the commit, a workflow that sends the link; otherwise she is
 * on the lists at once and no suppression is lifted. One address too often is left as it stands, without a word.
 */
export async function signUp({ secrets, gateway, logger }: Needs, { org, sql }: Tenant, form: FormRecord, submission: Submission): Promise<void> {
  const no = await settled(sql, async (tx) => {
    // Two of one address wait for each other, so that the second sees the first.
    await tx.run('select pg_advisory_xact_lock(hashtextextended($1, 7))', [submission.email.key]);
    const { email: { shown, key }, answers } = submission;
    const often = (await tx.first<{ recent: number; daily: number }>(
      `select count(*) filter (where form_id = $2 and created_at > now() - interval '${PAUSE}') as recent, count(*) as daily from sign_up where email_key = $1 and created_at > now() - interval '1 day'`, [key, form.id]))!;
    if (often.recent > 0 || often.daily >= DAILY) return null;
    const customerId = form.doubleOptIn ? null : await join(tx, secrets, { email: shown, emailKey: key, answers, listIds: form.lists.map((list) => list.id), formName: form.name });
    return (await tx.first<{ no: number }>(
      `insert into sign_up (form_id, form_name, email, email_key, answers, list_ids, consent_text, double_opt_in, state, mail_state, customer_id, confirmed_at, expires_at)
       select f.id, f.name, $2, $3, $4, $5::uuid[], $6, $7::boolean, case when $7 then 'pending' else 'confirmed' end, case when $7 then 'queued' else 'none' end, $8,
              case when not $7 then now() end, case when $7 then now() + interval '${CONFIRM_DAYS} days' end
         from sign_up_form f where f.id = $1 returning no`,
      [form.id, shown, key, JSON.stringify(answers), form.lists.map((list) => list.id), form.consentText, form.doubleOptIn, customerId]))?.no ?? null;
  });
  if (no === null) return;
  if (!form.doubleOptIn) return gateway.nudgeOutbox(org.id);
  // The row says what is to be done: without this start the sweep begins it within a minute.
  await gateway.startSignUp({ orgId: org.id, signUpNo: no }).catch((error: unknown) => logger.warn({ err: error, orgId: org.id }, 'a confirmation waits for the sweep'));
}

export type Confirmation = 'confirmed' | 'expired' | 'unknown';

/**
 * Confirms a sign-up: she is a customer (what she has is kept, what is empty is filled) and on the lists that are still
 * there; she gets mail again if she had unsubscribed, and stays blocked for any other reason. Again changes nothing.
 */
export async function confirmSignUp({ secrets, gateway }: Needs, { org, sql }: Tenant, no: number): Promise<Confirmation> {
  const outcome = await settled(sql, async (tx): Promise<Confirmation> => {
    // Before any row, as everybody does; she may have to be made and let go at once.
    await tx.run(KEEP_AND_WRITE_SUPPRESSIONS);
    const row = await tx.first<{ state: string; isLate: boolean; email: string; emailKey: string; answers: Record<string, string>; listIds: string[]; formName: string }>(
      `select state, expires_at <= now() as "isLate", email, email_key as "emailKey", answers, list_ids::text[] as "listIds", form_name as "formName" from sign_up where no = $1 for update`, [no]);
    if (row === undefined) return 'unknown';
    if (row.state !== 'pending') return row.state === 'confirmed' ? 'confirmed' : 'expired';
    if (row.isLate) return 'expired';
    await unhideSuppressions(tx, secrets, [row.emailKey]);
    await liftUnsubscribed(tx, { actor: actorOf(row.formName), emailKey: row.emailKey, note: `Confirmed the sign-up by the form “${row.formName}”.` });
    const customerId = await join(tx, secrets, row);
    await tx.run(`update sign_up set state = 'confirmed', confirmed_at = now(), customer_id = $2 where no = $1`, [no, customerId]);
    return 'confirmed';
  });
  gateway.nudgeOutbox(org.id);
  return outcome;
}

interface Joining {
  readonly email: string;
  readonly emailKey: string;
  readonly answers: Readonly<Record<string, string>>;
  readonly listIds: readonly string[];
  readonly formName: string;
}

const actorOf = (formName: string) => `Form “${formName}”`;

/** Makes or fills the customer and puts her on the lists; lists and fields deleted since are left out. @returns her id */
async function join(tx: Transaction, secrets: Container['secrets'], { email, emailKey, answers, listIds, formName }: Joining): Promise<number> {
  const columns: Record<string, string> = {};
  const custom: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [field, value] of Object.entries(answers)) {
    if (field.startsWith('custom.')) custom[field.slice('custom.'.length)] = value;
    else columns[field] = value;
  }
  const missing = new Set((await checkReferences(tx, [{ values: { columns, custom }, listIds }]))[0]!.map((problem) => problem.field));
  for (const key of Object.keys(custom)) if (missing.has(`custom.${key}`)) delete custom[key];
  const there = listIds.filter((_, i) => !missing.has(`listIds[${i}]`));
  const [written] = await upsertCustomers(tx, secrets, actorOf(formName), [{ values: { email: { shown: email, key: emailKey }, columns, custom }, listIds: there }], 'fill');
  return written!.id;
}
