import { variantLabel } from '#domain/campaign/experiment.ts';
import { compileLinkTarget } from '#domain/content/link-target.ts';
import { completeUtm } from '#domain/content/links.ts';
import { mailParts, readPart, type MailContent } from '#domain/content/parts.ts';
import { findNode, type Graph } from '#domain/journey/graph.ts';
import { refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { compileMail, fieldsOf, type MailSource } from '../../../infra/mail/content.ts';
import { journeySource } from '../../../infra/mail/journey-source.ts';
import { checkWritten, toHtml } from '../../../infra/mail/mjml.ts';
import { loadPerson } from '../../../infra/mail/person.ts';
import { readMail } from '../../../infra/mail/source.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';

export interface RenderInput extends Partial<Record<keyof MailContent, string | undefined>> {
  readonly campaignId?: string | undefined;
  readonly journeyId?: string | undefined;
  readonly step?: string | undefined;
  readonly variant?: string | undefined;
  readonly customerId?: number | undefined;
  readonly seed?: number | undefined;
}

export type RenderService = ReturnType<typeof createRenderService>;

/** Shows a mail as a person would get it: links as they lead, nothing sent, nothing recorded. */
export function createRenderService({ tenants, config, secrets, clock }: Container) {
  const ids = createTrackingIds(secrets);

  /** @throws AppError `invalid` when the campaign or its variant does not exist */
  async function campaignOf(tenant: Tenant, { campaignId, variant = 'A' }: RenderInput): Promise<MailSource | undefined> {
    if (campaignId === undefined) return undefined;
    const row = await tenant.sql.first<{ mailNo: number }>('select mail_no as "mailNo" from campaign where id = $1', [campaignId]);
    const mail = row === undefined ? undefined : await readMail(tenant, row.mailNo);
    if (mail === undefined) throw refuse('campaignId', 'This campaign does not exist.');
    const source = mail.variants.find((_, i) => variantLabel(i + 1) === variant);
    if (source === undefined) throw refuse('variant', `This campaign has no variant ${variant}.`);
    return source;
  }

  /** A step that is not saved yet has nothing but what is given of it. @throws AppError `invalid` when the journey does not exist */
  async function stepOf(tenant: Tenant, { campaignId, journeyId, step = '' }: RenderInput): Promise<MailSource | undefined> {
    if (journeyId === undefined) return undefined;
    if (campaignId !== undefined) throw refuse('journeyId', 'Choose a campaign or a journey, not both.');
    const journey = await tenant.sql.first<{ name: string; slug: string; graph: Graph | null }>(
      'select name, slug, coalesce(draft, (select graph from journey_version v where v.journey_id = j.id and v.no = j.active_version)) as graph from journey j where id = $1', [journeyId]);
    if (journey === undefined) throw refuse('journeyId', 'This journey does not exist.');
    const node = journey.graph === null ? undefined : findNode(journey.graph, step);
    return journeySource(tenant, 0, journey, node?.kind === 'send' ? node : { id: step, kind: 'send', name: step, config: {}, x: 0, y: 0 });
  }

  return {
    render: (orgId: string, input: RenderInput) =>
      tenants.use(orgId, async (tenant) => {
        const { org, sql } = tenant;
        const stored = (await campaignOf(tenant, input)) ?? (await stepOf(tenant, input));
        const person = await loadPerson(sql, input.customerId);
        const customFields = await sql.rows<{ key: string }>('select key from custom_field where not removing');
        const content = Object.fromEntries(mailParts.map((part) => [part, input[part] ?? stored?.[part] ?? ''])) as unknown as MailContent;
        const source: MailSource = {
          ...(stored ?? {
            orgNo: org.no, orgSlug: org.slug, mailNo: 0, fromEmail: '', replyTo: '', tracking: { opens: true, clicks: true },
            utm: completeUtm({}, { orgSlug: org.slug, name: '' }),
            context: { organization: { name: org.name, address: org.postalAddress }, campaign: { name: '' }, timezone: org.timezone },
          }),
          ...content, html: (await toHtml(content.html)).html,
        };
        const mail = compileMail(source, { ids, baseUrl: config.FERMATA_BASE_URL, preview: true });
        const fields = fieldsOf(person.row, mail.paths);
        const shown = mail.show({ ordinal: 0, customerId: input.seed ?? person.customerId, email: String(person.row['email']), fields }, clock.now());
        const { errors, warnings, paths } = await checkWritten(content, { customKeys: new Set(customFields.map((field) => field.key)), at: 'save', of: input.journeyId === undefined ? 'campaign' : 'journey' });
        return {
          ...shown,
          problems: [...errors.map((problem) => ({ ...problem, severity: 'error' as const })), ...warnings.map((problem) => ({ ...problem, severity: 'warning' as const }))],
          tags: [...paths],
          links: [
            ...mail.links.map((link) => ({ written: link.written, url: link.hasTags ? compileLinkTarget(link.url)(fields) : link.url, tracked: source.tracking.clicks })),
            ...mail.exemptLinks.map((url) => ({ written: url, url, tracked: false })),
          ],
          sizeBytes: Buffer.byteLength(shown.html),
          choices: mailParts.reduce((sum, part) => sum + readPart(part, content[part]).choices, 0),
        };
      }),
  };
}
