import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { AuditService } from '../audit/service.ts';

/** Settings of all mail of an organization: the frequency cap, the safety stops, what new mail begins with. */
export interface SendingSettings {
  /** Mails a customer gets in so many days at most, campaigns and journeys together; null: any number. */
  readonly frequencyCap: { readonly mails: number; readonly days: number } | null;
  readonly safetyStops: boolean;
  readonly tracking: { readonly opens: boolean; readonly clicks: boolean; readonly utm: boolean };
}

interface Row { readonly mails: number | null; readonly days: number | null; readonly safetyStops: boolean; readonly opens: boolean; readonly clicks: boolean; readonly utm: boolean }
const ROW = 'select cap_mails as mails, cap_days as days, safety_stops as "safetyStops", track_opens as opens, track_clicks as clicks, utm from sending_setting';

export async function readSendingSettings(sql: Pick<Sql, 'first'>, lock: '' | 'for update' = ''): Promise<SendingSettings> {
  const { mails, days, safetyStops, opens, clicks, utm } = (await sql.first<Row>(`${ROW} ${lock}`))!;
  return { frequencyCap: mails === null || days === null ? null : { mails, days }, safetyStops, tracking: { opens, clicks, utm } };
}

export type SendingSettingsService = ReturnType<typeof createSendingSettingsService>;

export function createSendingSettingsService({ tenants }: Pick<Container, 'tenants'>, audit: AuditService) {
  return {
    get: (org: string): Promise<SendingSettings> => tenants.use(org, ({ sql }) => readSendingSettings(sql)),
    /** What is not named stays. Cap and stops hold from the next range of a campaign that runs on; defaults for mail that is begun later. */
    async update(org: string, actor: string, change: { readonly [Field in keyof SendingSettings]?: SendingSettings[Field] | undefined }): Promise<SendingSettings> {
      const { before, after } = await tenants.use(org, ({ sql }) => sql.transaction(async (tx) => {
        const before = await readSendingSettings(tx, 'for update');
        const after = { ...before, ...given(change) };
        const { frequencyCap: cap, safetyStops, tracking: { opens, clicks, utm } } = after;
        await tx.run('update sending_setting set cap_mails = $1, cap_days = $2, safety_stops = $3, track_opens = $4, track_clicks = $5, utm = $6', [cap?.mails ?? null, cap?.days ?? null, safetyStops, opens, clicks, utm]);
        return { before, after };
      }));
      await audit.record(org, actor, 'sending.updated', null, { before, after });
      return after;
    },
  };
}
