import type { Sql } from '../db/sql.ts';

/** Sign-ups nobody confirmed in time lose what was typed; that there was one, when and by which form stays. */
export async function expireSignUps(sql: Pick<Sql, 'run'>): Promise<void> {
  await sql.run(
    `update sign_up set state = 'expired', email = null, email_key = null, answers = '{}', consent_text = '', mail_reply = null,
            mail_state = case mail_state when 'queued' then 'failed' when 'sending' then 'in_doubt' else mail_state end
      where no in (select no from sign_up where state = 'pending' and expires_at <= now() order by no limit 5000 for update skip locked)`);
}
