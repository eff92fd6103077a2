import { findNode, type Graph } from '#domain/journey/graph.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { Governor } from '../../../infra/mail/governor.ts';
import { journeySource } from '../../../infra/mail/journey-source.ts';
import { expandMarkup } from '../../../infra/mail/mjml.ts';
import { loadPerson } from '../../../infra/mail/person.ts';
import { createProviders } from '../../../infra/mail/providers/registry.ts';
import { loadConnection } from '../../../infra/mail/source.ts';
import { sendTest } from '../../../infra/mail/test-mail.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import { compileVariants } from '../../../infra/mail/variants.ts';
import type { TestOrder } from '../campaigns/test-mail.ts';
import { checkStepMail } from './checks.ts';
import type { JourneyReader } from './reader.ts';

export type JourneyTestMail = ReturnType<typeof createJourneyTestMail>;

/** Numbers of mails begin at 1: a draft's has none yet. */
const NO_MAIL = 0;

/** Test mails of send steps: `[TEST]`, untracked, suppression skipped, limits of the connection kept. */
export function createJourneyTestMail({ tenants, clock, secrets, config }: Pick<Container, 'tenants' | 'clock' | 'secrets' | 'config'>, reader: JourneyReader) {
  const ids = createTrackingIds(secrets);
  const providers = createProviders(config, secrets);

  return {
    /** @returns one result per address, with the server's words @throws AppError `not_found` for what is no send step, `invalid` when it cannot be sent yet */
    send: (orgId: string, id: string, step: string, order: Omit<TestOrder, 'variant'>) => tenants.use(orgId, async (tenant) => {
      const journey = await reader.find(tenant.sql, id);
      const row = await tenant.sql.first<{ graph: Graph | null }>('select coalesce(draft, (select graph from journey_version v where v.journey_id = j.id and v.no = j.active_version)) as graph from journey j where id = $1', [id]);
      const node = row?.graph == null ? undefined : findNode(row.graph, step);
      if (node?.kind !== 'send') throw notFound('step');
      const connectionId = node.config['connection'];
      const connection = typeof connectionId === 'string' ? await loadConnection(tenant, secrets, connectionId) : undefined;
      if (connection === undefined) throw refuse('connection', 'Choose a connection to send over.');
      const customKeys = new Set((await tenant.sql.rows<{ key: string }>('select key from custom_field where not removing')).map((field) => field.key));
      const missing = [['subject', 'Write a subject line.'], ['fromName', 'Say who the mail is from.'], ['fromEmail', 'Give a from address.'], ['html', 'Write the content of the mail.']]
        .flatMap(([field, message]) => (typeof node.config[field!] === 'string' && (node.config[field!] as string).trim() !== '' ? [] : [{ field: field!, message: message! }]));
      // The unsubscribe link may still be missing.
      const wrong = (await checkStepMail(node, customKeys)).filter(({ severity, message }) => severity === 'error' && !message.includes('unsubscribe_url')).map(({ field, message }) => ({ field: field ?? 'html', message }));
      const errors = [...missing, ...wrong];
      if (errors.length > 0) throw new AppError('invalid', 'This mail cannot be sent yet.', errors);

      const mail = await expandMarkup({ variants: [{ ...journeySource(tenant, NO_MAIL, journey, node), trackingHost: tenant.org.trackingHost }], hasExperiment: false });
      const compiled = compileVariants(mail, { ids, baseUrl: config.FERMATA_BASE_URL, test: true });
      const person = await loadPerson(tenant.sql, order.customerId);
      const results = await sendTest({
        mails: [{ label: null, mail: compiled.of(1) }], emails: order.emails, person: order.seed === undefined ? person : { ...person, customerId: order.seed },
        provider: providers.get(connection.vendor), connection, limits: new Governor({ sql: tenant.sql, connectionNo: connection.no, mailNo: null, zone: tenant.org.timezone }),
      }, clock.now());
      return { results };
    }),
  };
}
