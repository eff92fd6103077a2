import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route, type Route } from '../../http/route.ts';
import { DriftView, ExplainView } from './explain-views.ts';
import {
  CertificateView, ClientsView, CompareView, DomainsView, GeographyView, LinksView, recipientFilter, RecipientView, ReportView, TimelineView,
} from './report-views.ts';

const params = z.strictObject({ id: z.uuid() });
const shared = { method: 'get', capability: 'reports.view', scope: 'reports:read', tag: 'reports' } as const;
const ids = z.string().max(400).transform((text) => text.split(',').map((id) => id.trim()).filter((id) => id !== '')).pipe(z.array(z.uuid('Expected ids of campaigns, separated by commas.')).max(20));

export const campaignReportRoutes = [
  route({ ...shared, path: '/campaigns/:id/report', summary: 'The report in numbers: metrics, rates, connections, variants, failures, machines.', params, reply: ReportView,
    handle: ({ org, params: { id }, services }) => services.campaignReports.report(org, id) }),
  route({ ...shared, path: '/campaigns/:id/report/timeline', summary: "What happened hour by hour, on the organization's clock.", params, reply: TimelineView,
    handle: ({ org, params: { id }, services }) => services.campaignReports.timeline(org, id) }),
  route({ ...shared, path: '/campaigns/:id/report/links', summary: 'Clicks by link, and who clicked most.', params, query: z.strictObject({ link: z.coerce.number().int().min(0).max(4_095).optional() }), reply: LinksView,
    handle: ({ org, params: { id }, query, services }) => services.campaignReports.links(org, id, query.link ?? null) }),
  route({ ...shared, path: '/campaigns/:id/report/geography', summary: 'Opens and clicks by country and city.', params, reply: GeographyView,
    handle: ({ org, params: { id }, services }) => services.campaignReports.geography(org, id) }),
  route({ ...shared, path: '/campaigns/:id/report/clients', summary: 'Opens and clicks by mail program and device.', params, reply: ClientsView,
    handle: ({ org, params: { id }, services }) => services.campaignReports.clients(org, id) }),
  route({ ...shared, path: '/campaigns/:id/report/domains', summary: 'Metrics by domain of the recipients’ addresses.', params, reply: DomainsView,
    handle: ({ org, params: { id }, services }) => services.campaignReports.domains(org, id) }),
  route({ ...shared, path: '/campaigns/:id/compare', summary: 'This campaign beside up to four others.', params, query: z.strictObject({ with: ids }), reply: CompareView,
    handle: ({ org, params: { id }, query, services }) => services.campaignReports.compare(org, id, query.with) }),
  route({ ...shared, path: '/campaigns/:id/certificate', summary: 'The reconciliation of a finished campaign.', params, reply: CertificateView,
    handle: ({ org, params: { id }, services }) => services.campaignReports.certificate(org, id) }),
  route({
    ...shared, path: '/campaigns/:id/recipients', scope: 'campaigns:read', summary: 'Who gets it, and what became of each.', params,
    query: z.strictObject({ ...listQuery, ...recipientFilter }),
    reply: listReply(RecipientView),
    handle: ({ org, params: { id }, query, services }) => services.recipients.list(org, id, query),
  }),
  route({ ...shared, path: '/campaigns/:id/explain', scope: 'campaigns:read', summary: 'Why an address got it, or why not.', params, query: z.strictObject({ email: z.string().min(1).max(254) }), reply: ExplainView,
    handle: ({ org, params: { id }, query, services }) => services.campaignExplanations.explain(org, id, query.email) }),
  route({ ...shared, path: '/campaigns/:id/drift', scope: 'campaigns:read', summary: 'Who would join or leave the frozen audience today, as counts.', params, reply: DriftView,
    handle: ({ org, params: { id }, services }) => services.campaignExplanations.drift(org, id) }),
] as unknown as readonly Route[];
