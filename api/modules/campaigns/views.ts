import { z } from 'zod';
import { allowedActions, type CampaignAction } from '#domain/campaign/status.ts';
import type { Role } from '#domain/access.ts';
import type { Delivery } from '#domain/campaign/delivery.ts';
import type { Experiment } from '#domain/campaign/experiment.ts';
import type { Campaign } from '../../../infra/db/organization/entities/campaign.ts';
import { delivery, experiment, schedule, target } from './input.ts';

const state = z.enum(['draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled']);
const actions = ['edit', 'test', 'schedule', 'unschedule', 'launch', 'pause', 'resume', 'cancel', 'duplicate', 'archive', 'unarchive', 'delete'] as const satisfies readonly CampaignAction[];

export const ProgressView = z.object({
  recipients: z.int(), pending: z.int(), sent: z.int(), failed: z.int(), skipped: z.int(), inDoubt: z.int(),
  opened: z.int(), clicked: z.int(), unsubscribed: z.int(), bounced: z.int(),
  ratePerSecond: z.number(), expectedEndAt: z.string().nullable(), phase: z.string().nullable(), phaseUntil: z.string().nullable(), state,
});
export type Progress = z.infer<typeof ProgressView>;

const rowShape = {
  id: z.uuid(), name: z.string(), subject: z.string(), preheader: z.string(), fromName: z.string(), fromEmail: z.string(), replyTo: z.string(),
  targets: z.array(target), delivery, schedule: schedule.nullable(), scheduledAt: z.string().nullable(), tracking: z.object({ opens: z.boolean(), clicks: z.boolean() }), utm: z.record(z.string(), z.string()),
  state, phase: z.string().nullable(), reason: z.string().nullable(), stateDetail: z.string().nullable(), allowed: z.array(z.enum(actions)), version: z.int(),
  createdBy: z.string(), createdAt: z.string(), updatedAt: z.string(), launchedAt: z.string().nullable(), endedAt: z.string().nullable(), archivedAt: z.string().nullable(),
  temporalUrl: z.string().nullable(), progress: ProgressView,
};
export const CampaignRowView = z.object({ ...rowShape, hasExperiment: z.boolean() });
const ExperimentResultView = z.object({
  winner: z.int(), by: z.string().nullable(), at: z.string(),
  variants: z.array(z.object({ no: z.int(), label: z.string(), chance: z.number(), sent: z.int(), opened: z.int(), clicked: z.int(), complained: z.int(), unsubscribed: z.int() })),
}).meta({ id: 'ExperimentResult' });
export const CampaignView = z.object({ ...rowShape, html: z.string(), text: z.string(), experiment: experiment.nullable(), experimentResult: ExperimentResultView.nullable(), winner: z.int().nullable() });

/** A campaign with its counters, as lists read it: without its content. */
export interface CampaignRowRecord extends Omit<Campaign, 'html' | 'text' | 'experiment' | 'experimentResult' | 'winner' | 'recipients' | 'frozenAt' | 'audienceHash' | 'certificate' | 'acceptedHarm' | 'mergeTags' | 'movedBy'> {
  readonly hasExperiment: boolean;
  readonly recipients: number; readonly sent: number; readonly failed: number; readonly skipped: number; readonly inDoubt: number;
  readonly opened: number; readonly clicked: number; readonly unsubscribed: number; readonly bounced: number;
}

/** A whole campaign with its counters. */
export interface CampaignRecord extends CampaignRowRecord, Pick<Campaign, 'html' | 'text' | 'experiment' | 'experimentResult' | 'winner'> {}

export interface ViewContext {
  readonly role: Role;
  readonly ratePerSecond: number;
  readonly now: number;
  readonly temporalUrl: string | null;
}

export function toProgress(record: CampaignRowRecord, context: Pick<ViewContext, 'ratePerSecond' | 'now'>): Progress {
  const pending = Math.max(0, record.recipients - record.sent - record.failed - record.skipped - record.inDoubt);
  // A throttle lets mail out in bursts; over a minute it is no faster than this.
  const { throttlePerMinute } = record.delivery;
  const most = throttlePerMinute === null ? Infinity : throttlePerMinute / 60;
  const rate = record.state === 'running' ? Math.min(context.ratePerSecond, most) : 0;
  const pace = rate === 0 && record.state === 'running' && record.phase === 'waiting_for_limit' && throttlePerMinute !== null ? most : rate;
  return {
    recipients: record.recipients, pending, sent: record.sent, failed: record.failed, skipped: record.skipped, inDoubt: record.inDoubt,
    opened: record.opened, clicked: record.clicked, unsubscribed: record.unsubscribed, bounced: record.bounced,
    ratePerSecond: rate, expectedEndAt: pace > 0 && pending > 0 ? new Date(context.now + (pending / pace) * 1_000).toISOString() : null,
    phase: record.phase, phaseUntil: iso(record.phaseUntil), state: record.state,
  };
}

export function toCampaignRow(record: CampaignRowRecord, context: ViewContext): z.input<typeof CampaignRowView> {
  return {
    id: record.id, name: record.name, subject: record.subject, preheader: record.preheader, fromName: record.fromName, fromEmail: record.fromEmail, replyTo: record.replyTo,
    targets: record.targets, delivery: toDeliveryView(record.delivery), schedule: record.schedule, scheduledAt: iso(record.scheduledAt), hasExperiment: record.hasExperiment, tracking: record.tracking, utm: record.utm,
    state: record.state, phase: record.phase, reason: record.reason, stateDetail: record.stateDetail,
    allowed: allowedActions({ state: record.state, archived: record.archivedAt !== null }, context.role), version: record.version,
    createdBy: record.createdBy, createdAt: record.createdAt.toISOString(), updatedAt: record.updatedAt.toISOString(),
    launchedAt: iso(record.launchedAt), endedAt: iso(record.endedAt), archivedAt: iso(record.archivedAt),
    temporalUrl: record.launchedAt === null ? null : context.temporalUrl, progress: toProgress(record, context),
  };
}

export function toCampaignView(record: CampaignRecord, context: ViewContext): z.input<typeof CampaignView> {
  const { hasExperiment: _, ...row } = toCampaignRow(record, context);
  return { ...row, html: record.html, text: record.text, experiment: toExperimentView(record.experiment), experimentResult: record.experimentResult === null ? null : { ...record.experimentResult, variants: [...record.experimentResult.variants] }, winner: record.winner };
}

function toDeliveryView({ mode, connections, onBreak, throttlePerMinute }: Delivery): z.input<typeof delivery> {
  return { mode, connections: connections.map(({ id, percent }) => ({ id, percent })), onBreak, throttlePerMinute };
}

function toExperimentView(of: Experiment | null): z.input<typeof experiment> | null {
  if (of === null) return null;
  const { testPercent, durationHours, winnerBy, distribution } = of;
  return { subjects: [...of.subjects], contents: of.contents.map(({ html, text }) => ({ html, text })), fromNames: [...of.fromNames], testPercent, durationHours, winnerBy, distribution, weights: [...of.weights] };
}

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

export const EstimateView = z.object({
  included: z.int(), duplicates: z.int(), excluded: z.int(), suppressed: z.int(), unsubscribed: z.int(), bounced: z.int(), final: z.int(),
  /** People of each target, in the order of the targets. */
  targets: z.array(z.int()),
  /** Final recipients whom the frequency cap would hold back now. */
  capped: z.int(),
}).meta({ id: 'AudienceEstimate' });
export const ExamplesView = z.object({ data: z.array(z.object({ customerId: z.int(), email: z.string(), firstName: z.string().nullable(), lastName: z.string().nullable() })) });
const problem = z.object({ field: z.string(), message: z.string() });
export const ChecksView = z.object({ errors: z.array(problem), warnings: z.array(problem) });
export const TestView = z.object({ results: z.array(z.object({ email: z.string(), variant: z.string().nullable(), ok: z.boolean(), reply: z.string() })) });
