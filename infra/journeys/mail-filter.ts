import type { MailFilter } from '#domain/journey/nodes/node.ts';
import type { Sql } from '../db/sql.ts';

/** Tells whose mails events are about. @param mailNos those of the events at hand */
export async function mailFilterOf(sql: Pick<Sql, 'rows'>, mailNos: readonly (number | null)[]): Promise<MailFilter> {
  const wanted = [...new Set(mailNos.filter((no) => no !== null))];
  const rows = wanted.length === 0 ? [] : await sql.rows<{ no: number; kind: string; ref: string; step: string | null }>('select no, kind, ref_id::text as ref, step_id as step from mail where no = any($1)', [wanted]);
  const byNo = new Map(rows.map((row) => [row.no, row]));
  return {
    isOf(mailNo, { campaign, journey, step }) {
      if (campaign === undefined && journey === undefined && step === undefined) return true;
      const mail = mailNo === null ? undefined : byNo.get(mailNo);
      if (mail === undefined) return false;
      if (campaign !== undefined) return mail.kind === 'campaign' && mail.ref === campaign;
      return mail.kind === 'journey' && (journey === undefined || mail.ref === journey) && (step === undefined || mail.step === step);
    },
  };
}
