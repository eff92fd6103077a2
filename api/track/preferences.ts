import { addToList, removeFromList } from '../../infra/customers/bulk-actions.ts';
import { settled } from '../../infra/db/contention.ts';
import type { Sql } from '../../infra/db/sql.ts';
import type { TrackingTarget } from '../../infra/mail/tracking-id.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { liftUnsubscribed } from '../modules/suppressions/lift.ts';
import type { Preferences, PublicList } from './pages.ts';

/** Who stands behind a link of a mail; not there once she was erased. */
interface Reader {
  readonly customerId: number;
  readonly email: string;
  readonly emailKey: string;
}

const READER = /* sql */ `
select c.id as "customerId", c.email, c.email_key as "emailKey" from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and m.ordinal = $2`;

const findReader = (sql: Pick<Sql, 'first'>, { mailNo, ordinal }: TrackingTarget) => sql.first<Reader>(READER, [mailNo, ordinal]);

/** What the reader of a message gets from the organization: its public lists and whether she is on them. @returns undefined for a link that names nobody */
export async function readPreferences({ org, sql }: Pick<Tenant, 'org' | 'sql'>, target: TrackingTarget): Promise<Preferences | undefined> {
  const reader = await findReader(sql, target);
  if (reader === undefined) return undefined;
  const lists = await sql.rows<PublicList>(
    `select l.id::text, coalesce(nullif(l.public_name, ''), l.name) as name, l.public_description as description,
            exists (select from list_member m where m.list_id = l.id and m.customer_id = $1) as "isMember"
       from list l where l.is_public order by lower(coalesce(nullif(l.public_name, ''), l.name)), l.id`, [reader.customerId]);
  const state = await sql.first<{ isUnsubscribed: boolean; isBlocked: boolean }>(
    `select exists (select from suppression p where p.email_key = c.email_key and p.reason = 'unsubscribed'
                       and not exists (select from jsonb_array_elements(p.history) later where later->>'reason' <> 'unsubscribed')) as "isUnsubscribed", not c.mailable as "isBlocked"
       from customer c where c.id = $1`, [reader.customerId]);
  return { organization: org.name, email: reader.email, standing: state?.isUnsubscribed === true ? 'unsubscribed' : state?.isBlocked === true ? 'blocked' : 'active', lists };
}

export interface Choice {
  /** Lists the page showed; others stay as they are. */
  readonly shown: readonly string[];
  readonly chosen: readonly string[];
}

/** Puts the reader on public lists and takes her off others, as she chose; a list that is not public (any more) is left alone. */
export async function savePreferences({ sql }: Pick<Tenant, 'sql'>, target: TrackingTarget, { shown, chosen }: Choice): Promise<void> {
  await settled(sql, async (tx) => {
    const reader = await findReader(tx, target);
    if (reader === undefined) return;
    const lists = await tx.rows<{ id: string }>('select id::text from list where is_public and id::text = any($1) order by id for key share', [shown]);
    const wanted = new Set(chosen);
    for (const { id } of lists) {
      if (wanted.has(id)) await addToList(tx, id, [reader.customerId]);
      else await removeFromList(tx, 'Preferences page', id, [reader.customerId]);
    }
  });
}

/** Takes back that the reader of a message unsubscribed; any other reason keeps her blocked. @returns undefined for a link that names nobody */
export async function resubscribe({ sql }: Pick<Tenant, 'sql'>, target: TrackingTarget, actor: string): Promise<'back' | 'blocked' | undefined> {
  return settled(sql, async (tx) => {
    const reader = await findReader(tx, target);
    if (reader === undefined) return undefined;
    return (await liftUnsubscribed(tx, { actor, emailKey: reader.emailKey, note: 'Took back that she unsubscribed.' })) ? 'back' : 'blocked';
  });
}
