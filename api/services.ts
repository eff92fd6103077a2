import type { Container } from '../infra/container.ts';
import { createSystemMail } from '../infra/mail/system-mail.ts';
import { createDomainLookups } from '../infra/tenancy/domain-check.ts';
import { createAuth, RESET_SECONDS } from './auth.ts';
import { createApiKeyService, type ApiKeyService } from './modules/api-keys/service.ts';
import { createAuditService, type AuditService } from './modules/audit/service.ts';
import { createIdentities, type Identities } from './modules/auth/identity.ts';
import { createAccountService, type AccountService } from './modules/auth/service.ts';
import { createCampaignCourseService, type CampaignCourseService } from './modules/campaigns/course.ts';
import { createCampaignExplanationService, type CampaignExplanationService } from './modules/campaigns/explain.ts';
import { createRecipientService, type RecipientService } from './modules/campaigns/recipients.ts';
import { createCampaignReportService, type CampaignReportService } from './modules/campaigns/report.ts';
import { createCampaignLifecycle, type CampaignLifecycle } from './modules/campaigns/lifecycle.ts';
import { createCampaignTestMail, type CampaignTestMail } from './modules/campaigns/test-mail.ts';
import { createCampaignReader } from './modules/campaigns/reader.ts';
import { createCampaignService, type CampaignService } from './modules/campaigns/service.ts';
import { createCatcherService, type CatcherService } from './modules/catcher/service.ts';
import { createConnectionService, type ConnectionService } from './modules/connections/service.ts';
import { createDashboardService, type DashboardService } from './modules/dashboard/service.ts';
import { createDomainService, type DomainService } from './modules/domains/service.ts';
import { createHealthService, type HealthService } from './modules/health/service.ts';
import { createImageService, type ImageService } from './modules/images/service.ts';
import { createOrganizationService, type OrganizationService } from './modules/organization/service.ts';
import { createReportService, type ReportService } from './modules/reports/service.ts';
import { createSendingSettingsService, type SendingSettingsService } from './modules/organization/sending.ts';
import { createRenderService, type RenderService } from './modules/render/service.ts';
import { createTrackingDomainService, type TrackingDomainService } from './modules/organization/tracking-domain.ts';
import { createSetupService, type SetupService } from './modules/setup/service.ts';
import { createTemplateService, type TemplateService } from './modules/templates/service.ts';
import { createUserService, type UserService } from './modules/users/service.ts';

import { createBulkService, type BulkService } from './modules/customers/bulk.ts';
import { createCustomerService, type CustomerService } from './modules/customers/service.ts';
import { createEventService, type EventService } from './modules/events/service.ts';
import { createExportService, type ExportService } from './modules/exports/service.ts';
import { createFieldService, type FieldService } from './modules/fields/service.ts';
import { createFormService, type FormService } from './modules/forms/service.ts';
import { createImportService, type ImportService } from './modules/imports/service.ts';
import { createJourneyServices, type JourneyServices } from './modules/journeys/services.ts';
import { createListService, type ListService } from './modules/lists/service.ts';
import { createSearchIndexService, type SearchIndexService } from './modules/search-index/service.ts';
import { createSegmentService, type SegmentService } from './modules/segments/service.ts';
import { createSuppressionService, type SuppressionService } from './modules/suppressions/service.ts';

/** The business services the handlers call, one per resource, built once from the container. */
export interface Services extends JourneyServices {
  readonly container: Container;
  readonly identities: Identities;
  readonly audit: AuditService;
  readonly organizations: OrganizationService;
  readonly sendingSettings: SendingSettingsService;
  readonly trackingDomain: TrackingDomainService;
  readonly accounts: AccountService;
  readonly setup: SetupService;
  readonly users: UserService;
  readonly apiKeys: ApiKeyService;
  readonly catcher: CatcherService;
  readonly health: HealthService;
  readonly campaigns: CampaignService;
  readonly campaignLifecycle: CampaignLifecycle;
  readonly campaignTestMail: CampaignTestMail;
  readonly customers: CustomerService;
  readonly bulk: BulkService;
  readonly events: EventService;
  readonly exports: ExportService;
  readonly fields: FieldService;
  readonly forms: FormService;
  readonly imports: ImportService;
  readonly lists: ListService;
  readonly searchIndex: SearchIndexService;
  readonly segments: SegmentService;
  readonly suppressions: SuppressionService;
  readonly campaignReports: CampaignReportService;
  readonly campaignExplanations: CampaignExplanationService;
  readonly campaignCourse: CampaignCourseService;
  readonly recipients: RecipientService;
  readonly connections: ConnectionService;
  readonly domains: DomainService;
  readonly render: RenderService;
  readonly templates: TemplateService;
  readonly images: ImageService;
  readonly dashboard: DashboardService;
  readonly reports: ReportService;
}

export function createServices(container: Container): Services {
  const { config, secrets } = container;
  const mail = createSystemMail(config, secrets);
  const auth = createAuth({
    pool: container.controlPool, secrets, baseUrl: config.FERMATA_BASE_URL,
    sendReset: (user, token) =>
      mail.send({
        to: user.email, subject: 'Choose a new password',
        text: `Hello ${user.name},\n\nchoose a new password within ${RESET_SECONDS / 60} minutes:\n${config.FERMATA_BASE_URL.replace(/\/$/, '')}/reset-password?token=${token}\n\nIf you did not ask for this, do nothing.\n`,
      }),
  });
  const identities = createIdentities(container, auth);
  const audit = createAuditService(container);
  const organizations = createOrganizationService(container, audit);
  const accounts = createAccountService({ container, auth, identities, audit, organizations });
  const campaignReader = createCampaignReader(container);
  const campaignLifecycle = createCampaignLifecycle(container, campaignReader);
  const campaigns = createCampaignService(container, campaignReader, campaignLifecycle);
  const customers = createCustomerService(container);
  const journeys = createJourneyServices(container);
  return {
    container, identities, audit, organizations, accounts,
    sendingSettings: createSendingSettingsService(container, audit),
    trackingDomain: createTrackingDomainService(container, audit, createDomainLookups(config.FERMATA_ALLOW_PRIVATE_SMTP)),
    setup: createSetupService(container, accounts, organizations),
    users: createUserService({ container, mail, audit, accounts, identities }),
    apiKeys: createApiKeyService(container, audit, identities),
    catcher: createCatcherService(container),
    health: createHealthService(container),
    campaigns,
    campaignLifecycle,
    campaignTestMail: createCampaignTestMail(container, campaignReader),
    campaignReports: createCampaignReportService(container),
    campaignExplanations: createCampaignExplanationService(container),
    campaignCourse: createCampaignCourseService(container),
    recipients: createRecipientService(container),
    connections: createConnectionService(container),
    domains: createDomainService(container),
    render: createRenderService(container),
    templates: createTemplateService(container),
    images: createImageService(container),
    dashboard: createDashboardService(container, campaigns, journeys.journeys),
    reports: createReportService(container),
    customers,
    bulk: createBulkService(container),
    events: createEventService(container),
    exports: createExportService(container),
    fields: createFieldService(container),
    forms: createFormService(container),
    imports: createImportService(container),
    ...journeys,
    lists: createListService(container),
    searchIndex: createSearchIndexService(container),
    segments: createSegmentService(container, customers),
    suppressions: createSuppressionService(container),
  };
}
