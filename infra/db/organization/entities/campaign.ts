import { defineEntity, p } from '@mikro-orm/core';

export type CampaignTarget = { readonly kind: 'list' | 'segment'; readonly id: string; readonly mode: 'include' | 'exclude' };

const schema = defineEntity({
  name: 'Campaign',
  tableName: 'campaign',
  properties: {
    id: p.uuid().primary(),
    mailNo: p.integer(),
    name: p.text(),
    subject: p.text().default(''),
    preheader: p.text().default(''),
    fromName: p.text().default(''),
    fromEmail: p.text().default(''),
    replyTo: p.text().default(''),
    html: p.text().default(''),
    text: p.text().default(''),
    targets: p.json<CampaignTarget[]>().default('[]'),
    connectionId: p.uuid().nullable(),
    tracking: p.json<{ opens: boolean; clicks: boolean }>(),
    utm: p.json<Record<string, string>>(),
    state: p.text().$type<'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled'>().default('draft'),
    phase: p.text().nullable(),
    /** Why it is paused or failed: one of the reasons of the lifecycle. */
    reason: p.text().nullable(),
    stateDetail: p.text().nullable(),
    version: p.integer().version().default(1),
    createdBy: p.text(),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
    launchedAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
    archivedAt: p.datetime().nullable(),
  },
});

/** One message to one audience, once. From launch on only its workflow changes state and phase. */
export class Campaign extends schema.class {}
schema.setClass(Campaign);
