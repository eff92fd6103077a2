import type { Sql } from '../../../infra/db/sql.ts';
import type { CampaignRecord } from './views.ts';

const ROW = /* sql */ `
c.id, c.mail_no as "mailNo", c.name, c.subject, c.preheader, c.from_name as "fromName", c.from_email as "fromEmail", c.reply_to as "replyTo",
c.targets, c.delivery, c.experiment is not null as "hasExperiment", c.schedule, c.scheduled_at as "scheduledAt", c.tracking, c.utm, c.state, c.phase, c.phase_until as "phaseUntil", c.reason,
c.state_detail as "stateDetail", c.version, c.created_by as "createdBy", c.created_at as "createdAt", c.updated_at as "updatedAt", c.launched_at as "launchedAt", c.ended_at as "endedAt",
c.archived_at as "archivedAt", coalesce(c.recipients, 0) as recipients,
n.sent, n.failed, n.skipped, n.in_doubt as "inDoubt", n.opened, n.clicked, n.unsubscribed, n.bounced`;

const FROM = /* sql */ `
campaign c cross join lateral (
    select coalesce(sum(sent), 0)::int as sent, coalesce(sum(failed), 0)::int as failed, coalesce(sum(skipped), 0)::int as skipped, coalesce(sum(in_doubt), 0)::int as in_doubt,
           coalesce(sum(unique_opened), 0)::int as opened, coalesce(sum(unique_clicked), 0)::int as clicked, coalesce(sum(unsubscribed), 0)::int as unsubscribed,
           coalesce(sum(bounced), 0)::int as bounced from mail_count m where m.mail_no = c.mail_no) n`;

/** Campaigns with their counters: reports sum `mail_count`, they never scan the ledger. Content stays where it is. */
export const CAMPAIGN_ROWS = `select ${ROW} from ${FROM}`;

export function findCampaign(sql: Sql, id: string): Promise<CampaignRecord | undefined> {
  return sql.first<CampaignRecord>(`select ${ROW}, c.html, c.text, c.experiment, c.experiment_result as "experimentResult", c.winner from ${FROM} where c.id = $1`, [id]);
}
