import { statement, type Statement } from '../db/sql.ts';

/** A pending message with the person it goes to. */
export interface PageRow {
  readonly ordinal: number;
  readonly attempt: number;
  readonly email: string;
  readonly custom?: Readonly<Record<string, unknown>>;
}

const columns = (withCustom: boolean) =>
  `m.ordinal, m.attempt, c.email, c.first_name, c.last_name, c.phone, c.city, c.country, c.score, c.timezone${withCustom ? ', c.custom' : ''}`;

const pages = [false, true].map((withCustom) => statement(`ledger-page${withCustom ? '-custom' : ''}`, /* sql */ `
select ${columns(withCustom)}
  from message m join customer c on c.id = m.customer_id
 where m.mail_no = $1 and m.ordinal > $2 and m.ordinal <= $3 and m.state = 0
   and not exists (select 1 from retry r where r.mail_no = m.mail_no and r.ordinal = m.ordinal)
 order by m.ordinal limit $4`));

const retryPages = [false, true].map((withCustom) => statement(`ledger-retry-page${withCustom ? '-custom' : ''}`, /* sql */ `
select ${columns(withCustom)}
  from retry r join message m on m.mail_no = r.mail_no and m.ordinal = r.ordinal join customer c on c.id = m.customer_id
 where r.mail_no = $1 and r.due_at <= now() and m.state = 0
 order by m.ordinal limit $2`));

/** $1 mail, $2 after this ordinal, $3 up to this one, $4 rows. */
export function pageStatement(withCustom: boolean): Statement {
  return pages[withCustom ? 1 : 0] as Statement;
}

/** $1 mail, $2 rows. */
export function retryPageStatement(withCustom: boolean): Statement {
  return retryPages[withCustom ? 1 : 0] as Statement;
}
