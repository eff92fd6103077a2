import { defineEntity, p, type Opt } from '@mikro-orm/core';
import type { Delivery } from '#domain/campaign/delivery.ts';
import type { Certificate } from '#domain/campaign/certificate.ts';
import type { Experiment, ExperimentResult } from '#domain/campaign/experiment.ts';
import type { Schedule } from '#domain/campaign/schedule.ts';
import type { CampaignState } from '#domain/campaign/status.ts';
import type { CampaignTarget } from '#domain/campaign/targets.ts';

const schema = defineEntity({
  name: 'Campaign',
  tableName: 'campaign',
  properties: {
    id: p.uuid().primary(),
    /** Its number as a source of mail: what its messages, links and counters are kept under. */
    mailNo: p.integer(),
    name: p.text(),
    subject: p.text().default(''),
    preheader: p.text().default(''),
    fromName: p.text().default(''),
    fromEmail: p.text().default(''),
    replyTo: p.text().default(''),
    html: p.text().default(''),
    text: p.text().default(''),
    targets: p.json<CampaignTarget[]>().defaultRaw("'[]'"),
    delivery: p.json<Delivery>().defaultRaw(`'{"mode": "single", "connections": [], "onBreak": "pause", "throttlePerMinute": null}'`),
    experiment: p.json<Experiment>().strictNullable(),
    schedule: p.json<Schedule>().strictNullable(),
    /** When its workflow freezes the audience. */
    scheduledAt: p.datetime().strictNullable(),
    tracking: p.json<{ opens: boolean; clicks: boolean }>().defaultRaw(`'{"opens": true, "clicks": true}'`),
    utm: p.json<Record<string, string>>().defaultRaw("'{}'"),
    state: p.text().$type<CampaignState>().default('draft'),
    phase: p.text().strictNullable(),
    /** When a waiting phase is expected to end. */
    phaseUntil: p.datetime().strictNullable(),
    /** Who asked for the move under way. */
    movedBy: p.text().strictNullable(),
    /** Why it is paused or failed: one of the reasons of the lifecycle. */
    reason: p.text().strictNullable(),
    stateDetail: p.text().strictNullable(),
    version: p.integer().version().default(1),
    createdBy: p.text(),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
    launchedAt: p.datetime().strictNullable(),
    endedAt: p.datetime().strictNullable(),
    archivedAt: p.datetime().strictNullable(),
    /** Number of the variant the rest gets. */
    winner: p.smallint().strictNullable(),
    experimentResult: p.json<ExperimentResult>().strictNullable(),
    frozenAt: p.datetime().strictNullable(),
    /** How many the frozen audience has. */
    recipients: p.integer().strictNullable(),
    audienceHash: p.text().strictNullable(),
    certificate: p.json<Certificate>().strictNullable(),
    /** The counters when a person resumed it in spite of a safety stop: only what comes after is judged. */
    acceptedHarm: p.json<{ sent: number; complained: number; bounced: number }>().strictNullable(),
    /** What names custom fields in the content; the database keeps it. */
    mergeTags: p.array().generated(`(merge_tags(subject || ' ' || preheader || ' ' || from_name || ' ' || html || ' ' || text || ' ' || coalesce(experiment::text, ''))) stored`).$type<Opt<string[]>>(),
  },
});

/** One message to one audience, once. From launch on only its workflow changes state and phase. */
export class Campaign extends schema.class {}
schema.setClass(Campaign);
