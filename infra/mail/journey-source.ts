import { completeUtm, type Utm } from '#domain/content/links.ts';
import type { GraphNode } from '#domain/journey/graph.ts';
import type { Tenant } from '../tenancy/registry.ts';
import type { MailSource } from './content.ts';
import type { SendableMail } from './source.ts';

/** What a journey's mails say of it. */
export interface NamedJourney {
  readonly name: string;
  readonly slug: string;
}

/** The send step behind a mail number, as its author wrote it; undefined when there is none. Published, so it never changes. */
export async function readJourneyMail(tenant: Pick<Tenant, 'org' | 'sql'>, mailNo: number): Promise<SendableMail | undefined> {
  const row = await tenant.sql.first<NamedJourney & { node: GraphNode | null }>(
    `select j.name, j.slug, (select n from jsonb_array_elements(v.graph->'nodes') n where n->>'id' = m.step_id) as node
       from mail m join journey j on j.id = m.ref_id join journey_version v on v.journey_id = j.id and v.no = m.version_no where m.no = $1 and m.kind = 'journey'`, [mailNo]);
  if (row === undefined || row.node === null) return undefined;
  return { variants: [journeySource(tenant, mailNo, row, row.node)], hasExperiment: false };
}

/** The mail of a send step: UTM parameters name the journey as the campaign and the step as the content. */
export function journeySource({ org }: Pick<Tenant, 'org'>, mailNo: number, journey: NamedJourney, node: GraphNode): MailSource {
  const text = (key: string): string => (typeof node.config[key] === 'string' ? (node.config[key] as string) : '');
  const isOn = (key: string): boolean => node.config[key] !== false;
  return {
    stream: 'journey', orgNo: org.no, orgSlug: org.slug, mailNo,
    subject: text('subject'), preheader: text('preheader'), fromName: text('fromName'), fromEmail: text('fromEmail'), replyTo: text('replyTo'), html: text('html'), text: text('text'),
    tracking: { opens: isOn('trackOpens'), clicks: isOn('trackClicks') },
    utm: completeUtm((node.config['utm'] ?? {}) as Utm, { orgSlug: org.slug, name: journey.slug, variant: slugOf(node) }),
    context: { organization: { name: org.name, address: org.postalAddress }, campaign: { name: '' }, journey: { name: journey.name }, timezone: org.timezone },
  };
}

function slugOf(node: GraphNode): string {
  const slug = node.name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return slug === '' ? node.id : slug;
}
