/** The API's shapes by the names the screens use; each is read from the generated description. */
import type { components, paths } from './schema.d.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Operation<Path extends keyof paths, M extends Method> = paths[Path] extends Record<M, infer One> ? One : never;

/** The paths that know a method. */
export type PathOf<M extends Method> = { [Path in keyof paths]: paths[Path] extends Record<M, object> ? Path : never }[keyof paths];

type Done = 200 | 201 | 202 | 204;
type Json<Answer> = Answer extends { content: { 'application/json': infer Content } } ? Content : void;
/** What a call answers with; void when it only says done. */
export type Reply<Path extends keyof paths, M extends Method> = Operation<Path, M> extends { responses: infer Answers } ? { [Status in keyof Answers & Done]: Json<Answers[Status]> }[keyof Answers & Done] : never;
/** What a call takes; never when it takes nothing. */
export type Body<Path extends keyof paths, M extends Method> = Operation<Path, M> extends { requestBody: { content: infer Content } } ? Content[keyof Content] : never;
export type Query<Path extends keyof paths, M extends Method = 'get'> = Operation<Path, M> extends { parameters: { query?: infer Asked } } ? NonNullable<Asked> : never;
export type Place<Path extends keyof paths, M extends Method> = Operation<Path, M> extends { parameters: { path: infer Names } } ? Names : never;
/** One row of a list. */
type Row<Path extends PathOf<'get'>> = Reply<Path, 'get'> extends { data: (infer One)[] } ? One : never;

export type Problem = components['schemas']['Problem'];
export type FieldProblem = Problem['errors'][number];
export interface Page<T> { data: T[]; nextCursor: string | null; count?: number }
export type PageQuery = Query<'/lists/{id}/members'>;

export type Me = Reply<'/me', 'get'>;
export type Organization = Reply<'/organization', 'get'>;
export type SendingDomain = Reply<'/domains', 'get'>['data'][number];
export type TrackingDomain = Reply<'/organization/tracking-domain', 'get'>;
export type SendingSettings = components['schemas']['SendingSettings'];
export type User = Row<'/users'>;
/** A role that may be given; owners are made otherwise. */
export type GivenRole = Body<'/invitations', 'post'>['role'];
export type ApiKey = Row<'/api-keys'>;

export type Customer = Reply<'/customers/{id}', 'get'>;
export type TimelineEvent = Row<'/customers/{id}/timeline'>;
export type Field = Row<'/fields'>;
export type FieldType = Field['type'];
export type FieldDetail = components['schemas']['FieldDetail'];
export type CustomerFilter = components['schemas']['CustomerFilter'];
export type CustomerList = Reply<'/lists/{id}', 'get'>;
/** Something that would miss a list, a segment, a field. */
export type Use = components['schemas']['Use'];
export type SignUpForm = Reply<'/forms/{id}', 'get'>;
export type FormField = SignUpForm['fields'][number];
export type FormPreview = Reply<'/forms/preview', 'post'>;
export type SignUp = Row<'/forms/{id}/sign-ups'>;
export type BulkJob = components['schemas']['BulkJob'];
export type ExportJob = components['schemas']['ExportJob'];
export type SearchIndex = components['schemas']['SearchIndex'];

export type Import = Reply<'/imports/{id}', 'get'>;
export type Preview = Reply<'/imports/{id}/preview', 'get'>;
export type ImportColumn = Preview['columns'][number];

export type Rule = components['schemas']['Rule'];
export type ListCondition = components['schemas']['ListCondition'];
export type SegmentCondition = components['schemas']['SegmentCondition'];
export type EventCondition = components['schemas']['EventCondition'];
export type RuleNode = Rule['parts'][number];
export type Operator = components['schemas']['Condition']['operator'];
export type Segment = Reply<'/segments/{id}', 'get'>;
export type SegmentRow = Row<'/segments'>;
export type Count = Reply<'/segments/count', 'post'>;
export type Explanation = Reply<'/segments/explain', 'post'>;

export type Suppression = Row<'/suppressions'>;

export type Connection = Reply<'/connections/{id}', 'get'>;
export type ConnectionTest = Reply<'/connections/{id}/test', 'post'>;

export type Campaign = Reply<'/campaigns/{id}', 'get'>;
export type CampaignRow = Row<'/campaigns'>;
/** What the person may do with a campaign now. */
export type CampaignAction = Campaign['allowed'][number];
export type Target = Campaign['targets'][number];
export type Delivery = components['schemas']['CampaignDelivery'];
export type Experiment = components['schemas']['CampaignExperiment'];
export type Schedule = components['schemas']['CampaignSchedule'];
export type Progress = Reply<'/campaigns/{id}/progress', 'get'>;
export type Checks = Reply<'/campaigns/{id}/checks', 'get'>;
export type Estimate = Reply<'/campaigns/{id}/estimate', 'get'>;
export type EstimateLine = Query<'/campaigns/{id}/estimate/examples'>['line'];
export type EstimateExample = Reply<'/campaigns/{id}/estimate/examples', 'get'>['data'][number];
export type CampaignExplanation = components['schemas']['CampaignExplanation'];
export type Report = Reply<'/campaigns/{id}/report', 'get'>;
export type ReportTimeline = Reply<'/campaigns/{id}/report/timeline', 'get'>;
export type ReportLinks = Reply<'/campaigns/{id}/report/links', 'get'>;
export type ReportGeography = Reply<'/campaigns/{id}/report/geography', 'get'>;
export type ReportClients = Reply<'/campaigns/{id}/report/clients', 'get'>;
export type ReportDomains = Reply<'/campaigns/{id}/report/domains', 'get'>;
export type Comparison = Reply<'/campaigns/{id}/compare', 'get'>;
export type Metrics = components['schemas']['Metrics'];
export type Certificate = Reply<'/campaigns/{id}/certificate', 'get'>;
export type Drift = Reply<'/campaigns/{id}/drift', 'get'>;
export type History = Reply<'/campaigns/{id}/history', 'get'>;
export type Waves = Reply<'/campaigns/{id}/waves', 'get'>;
export type Standstill = Reply<'/campaigns/{id}/standstill', 'get'>;
export type Recipient = Row<'/campaigns/{id}/recipients'>;
export type TestRequest = Body<'/campaigns/{id}/test', 'post'>;
export type TestResult = Reply<'/campaigns/{id}/test', 'post'>['results'][number];
export type Rendered = Reply<'/render', 'post'>;
export type ContentProblem = Rendered['problems'][number];

export type CustomerRun = Row<'/customers/{id}/journeys'>;
export type JourneyRow = Row<'/journeys'>;
export type Journey = Reply<'/journeys/{id}', 'get'>;
/** What the person may do with a journey now. */
export type JourneyAction = Journey['allowed'][number];
export type JourneyVersionGraph = Reply<'/journeys/{id}/graph', 'get'>;
export type JourneyValidation = Reply<'/journeys/{id}/validate', 'post'>;
export type JourneyMoving = JourneyValidation['people'];
export type JourneyAnalytics = Reply<'/journeys/{id}/analytics', 'get'>;
export type JourneyVersions = Reply<'/journeys/{id}/versions', 'get'>;
export type JourneyVersion = JourneyVersions['data'][number];
export type JourneyRefusals = Reply<'/journeys/{id}/refusals', 'get'>;
export type JourneyJob = Reply<'/journeys/{id}/jobs/{jobId}', 'get'>;
export type EnrollmentRow = Row<'/journeys/{id}/enrollments'>;
export type Enrollment = Reply<'/journeys/{id}/enrollments/{eid}', 'get'>;

export type Template = components['schemas']['Template'];
export type TemplateRow = components['schemas']['TemplateRow'];
export type GalleryTemplate = components['schemas']['GalleryTemplate'];
export type Image = components['schemas']['Image'];

export type MessageRow = Row<'/mail-catcher/messages'>;
export type Message = Reply<'/mail-catcher/messages/{id}', 'get'>;

export type Dashboard = Reply<'/dashboard', 'get'>;
export type Overview = Reply<'/reports/overview', 'get'>;
export type CampaignInRange = Row<'/reports/campaigns'>;
export type ConnectionInRange = Row<'/reports/connections'>;
export type JourneyInRange = Row<'/reports/journeys'>;
