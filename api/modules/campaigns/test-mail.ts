import { usedConnections } from '#domain/campaign/delivery.ts';
import { variantLabel } from '#domain/campaign/experiment.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { Governor } from '../../../infra/mail/governor.ts';
import { expandMarkup } from '../../../infra/mail/mjml.ts';
import { loadPerson } from '../../../infra/mail/person.ts';
import { createProviders } from '../../../infra/mail/providers/registry.ts';
import { loadConnection, sourcesOf } from '../../../infra/mail/source.ts';
import { sendTest } from '../../../infra/mail/test-mail.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import { compileVariants } from '../../../infra/mail/variants.ts';
import { checkCampaign } from './checks.ts';
import type { CampaignReader } from './reader.ts';

export interface TestOrder {
  /** Up to 10. */
  readonly emails: readonly string[];
  /** Whose fields it shows; without one the sample person's. */
  readonly customerId?: number | undefined;
  /** Label of a variant, or `all`; without one the first. */
  readonly variant?: string | undefined;
  /** Choices of spintax as a preview showed them. */
  readonly seed?: number | undefined;
}

export type CampaignTestMail = ReturnType<typeof createCampaignTestMail>;

/** What a test mail needs of a draft; the unsubscribe link may still be missing. */
const needed = /^(subject|preheader|fromName|fromEmail|html|text|experiment\.(subjects|contents|fromNames))/;

/** Test mails of drafts: `[TEST]`, untracked, suppression skipped, limits of the connection kept. */
export function createCampaignTestMail({ tenants, clock, secrets, config }: Pick<Container, 'tenants' | 'clock' | 'secrets' | 'config'>, reader: CampaignReader) {
  const ids = createTrackingIds(secrets);
  const providers = createProviders(config, secrets);

  return {
    /** @returns one result per address and variant, with the server's words @throws AppError `conflict` for anything but a draft, `invalid` when it cannot be sent yet */
    send: (orgId: string, id: string, order: TestOrder) => tenants.use(orgId, async (tenant) => {
      const campaign = await reader.find(tenant, id);
      if (campaign.state !== 'draft') throw new AppError('conflict', 'Test mail is sent from drafts only.');
      const connectionId = usedConnections(campaign.delivery)[0]?.id;
      const connection = connectionId === undefined ? undefined : await loadConnection(tenant, secrets, connectionId);
      if (connection === undefined) throw refuse('delivery.connections', 'Choose a connection to send over.');
      const customKeys = new Set((await tenant.sql.rows<{ key: string }>('select key from custom_field where not removing')).map((field) => field.key));
      const { errors: found } = await checkCampaign({ campaign, customKeys, connections: [], recipients: null });
      const errors = found.filter((error) => needed.test(error.field) && !error.message.includes('unsubscribe_url'));
      if (errors.length > 0) throw new AppError('invalid', 'This draft cannot be sent yet.', errors);

      const sources = sourcesOf(tenant, campaign.mailNo, campaign).map((source) => ({ ...source, trackingHost: tenant.org.trackingHost }));
      const mail = await expandMarkup({ variants: sources, hasExperiment: campaign.experiment !== null });
      const { variants } = mail;
      const compiled = compileVariants(mail, { ids, baseUrl: config.FERMATA_BASE_URL, test: true });
      const wanted = order.variant === 'all' ? variants.map((_, i) => i + 1) : [order.variant === undefined ? 1 : order.variant.charCodeAt(0) - 64];
      if (wanted.some((no) => no > variants.length)) throw refuse('variant', `This campaign has the variants A to ${variantLabel(variants.length)}.`);
      const person = await loadPerson(tenant.sql, order.customerId);
      const results = await sendTest({
        mails: wanted.map((no) => ({ label: campaign.experiment === null ? null : variantLabel(no), mail: compiled.of(no) })),
        emails: order.emails, person: order.seed === undefined ? person : { ...person, customerId: order.seed },
        provider: providers.get(connection.vendor), connection, limits: new Governor({ sql: tenant.sql, connectionNo: connection.no, mailNo: null, zone: tenant.org.timezone }),
      }, clock.now());
      return { results };
    }),
  };
}
