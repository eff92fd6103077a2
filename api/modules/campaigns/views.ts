import { z } from 'zod';
import { allowedActions, type CampaignAction } from '#domain/campaign/status.ts';
import type { Role } from '#domain/access.ts';
import type { Campaign } from '../../../infra/db/organization/entities/campaign.ts';

// Written in small letters, as the index and the search for uses compare ids as texts.
export const target = z.strictObject({ kind: z.enum(['list', 'segment']), id: z.uuid().toLowerCase(), mode: z.enum(['include', 'exclude']).default('include') });
const state = z.enum(['draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled']);
const actions = ['edit', 'test', 'launch', 'pause', 'resume', 'cancel', 'duplicate', 'archive', 'unarchive', 'delete'] as const satisfies readonly CampaignAction[];

export const ProgressView = z.object({
  recipients: z.int(), pending: z.int(), sent: z.int(), failed: z.int(), skipped: z.int(), inDoubt: z.int(),
  opened: z.int(), clicked: z.int(), unsubscribed: z.int(), bounced: z.int(),
  ratePerSecond: z.number(), expectedEndAt: z.string().nullable(), phase: z.string().nullable(), state,
});
export type Progress = z.infer<typeof ProgressView>;

const rowShape = {
  id: z.uuid(), name: z.string(), subject: z.string(), preheader: z.string(), fromName: z.string(), fromEmail: z.string(), replyTo: z.string(),
  targets: z.array(target), connectionId: z.uuid().nullable(), tracking: z.object({ opens: z.boolean(), clicks: z.boolean() }), utm: z.record(z.string(), z.string()),
  state, phase: z.string().nullable(), reason: z.string().nullable(), stateDetail: z.string().nullable(), allowed: z.array(z.enum(actions)), version: z.int(),
  createdBy: z.string(), createdAt: z.string(), updatedAt: z.string(), launchedAt: z.string().nullable(), endedAt: z.string().nullable(), archivedAt: z.string().nullable(),
  temporalUrl: z.string().nullable(), progress: ProgressView,
};
export const CampaignRowView = z.object(rowShape);
export const CampaignView = z.object({ ...rowShape, html: z.string(), text: z.string() });

/** A campaign with its counters, as the queries of the service read it. */
export interface CampaignRecord extends Campaign {
  readonly recipients: number; readonly sent: number; readonly failed: number; readonly skipped: number; readonly inDoubt: number;
  readonly opened: number; readonly clicked: number; readonly unsubscribed: number; readonly bounced: number;
}

export interface ViewContext {
  readonly role: Role;
  readonly ratePerSecond: number;
  readonly now: number;
  readonly temporalUrl: string | null;
}

export function toProgress(record: CampaignRecord, context: Pick<ViewContext, 'ratePerSecond' | 'now'>): Progress {
  const pending = Math.max(0, record.recipients - record.sent - record.failed - record.skipped - record.inDoubt);
  const rate = record.state === 'running' ? context.ratePerSecond : 0;
  return {
    recipients: record.recipients, pending, sent: record.sent, failed: record.failed, skipped: record.skipped, inDoubt: record.inDoubt,
    opened: record.opened, clicked: record.clicked, unsubscribed: record.unsubscribed, bounced: record.bounced,
    ratePerSecond: rate, expectedEndAt: rate > 0 && pending > 0 ? new Date(context.now + (pending / rate) * 1_000).toISOString() : null,
    phase: record.phase, state: record.state,
  };
}

export function toCampaignRow(record: CampaignRecord, context: ViewContext): z.infer<typeof CampaignRowView> {
  return {
    id: record.id, name: record.name, subject: record.subject, preheader: record.preheader, fromName: record.fromName, fromEmail: record.fromEmail, replyTo: record.replyTo,
    targets: record.targets, connectionId: record.connectionId, tracking: record.tracking, utm: record.utm,
    state: record.state, phase: record.phase, reason: record.reason, stateDetail: record.stateDetail,
    allowed: allowedActions({ state: record.state, archived: record.archivedAt !== null }, context.role), version: record.version,
    createdBy: record.createdBy, createdAt: record.createdAt.toISOString(), updatedAt: record.updatedAt.toISOString(),
    launchedAt: iso(record.launchedAt), endedAt: iso(record.endedAt), archivedAt: iso(record.archivedAt),
    temporalUrl: record.launchedAt === null ? null : context.temporalUrl, progress: toProgress(record, context),
  };
}

export function toCampaignView(record: CampaignRecord, context: ViewContext): z.infer<typeof CampaignView> {
  return { ...toCampaignRow(record, context), html: record.html, text: record.text };
}

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

export const EstimateView = z.object({ included: z.int(), duplicates: z.int(), excluded: z.int(), suppressed: z.int(), unsubscribed: z.int(), bounced: z.int(), final: z.int() });
const problem = z.object({ field: z.string(), message: z.string() });
export const ChecksView = z.object({ errors: z.array(problem), warnings: z.array(problem) });
export const TestView = z.object({ results: z.array(z.object({ email: z.string(), ok: z.boolean(), reply: z.string() })) });
const both = z.object({ unique: z.int(), total: z.int() });
const rate = z.number().nullable();
export const ReportView = z.object({
  sent: z.int(), failed: z.int(), skipped: z.int(), inDoubt: z.int(), opened: both, clicked: both, unsubscribed: z.int(), bounced: z.int(),
  openRate: rate, clickRate: rate, clickToOpenRate: rate, bounceRate: rate,
  timeline: z.array(z.object({ hour: z.string(), sent: z.int(), opened: z.int(), clicked: z.int() })),
  links: z.array(z.object({ url: z.string(), clicks: z.int(), uniqueClicks: z.int() })),
  failures: z.array(z.object({ reason: z.string(), count: z.int() })),
});
export const recipientStates = ['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'] as const;
export const RecipientView = z.object({
  customerId: z.int(), email: z.string(), state: z.enum(recipientStates), reason: z.string().nullable(), reply: z.string().nullable(), attempt: z.int(),
  sentAt: z.string().nullable(), openedAt: z.string().nullable(), clickedAt: z.string().nullable(),
});
