import type { Config } from '../../infra/config.ts';
import type { TrackingIds } from '../../infra/mail/tracking-id.ts';

/** The public address of a form: the same for as long as the form is there. */
export function formUrl(config: Pick<Config, 'FERMATA_BASE_URL'>, ids: TrackingIds, orgNo: number, formNo: number): string {
  return `${config.FERMATA_BASE_URL.replace(/\/$/, '')}/f/${ids.mint({ orgNo, mailNo: formNo, ordinal: 0 }, [{ kind: 'form', link: 0 }])[0]!}`;
}
