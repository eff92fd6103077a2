import type { Rule } from '../segment/ast.ts';

/** Whom a campaign includes or excludes: a list, a segment, or some of those another campaign went to. */
export const targetKinds = ['list', 'segment', 'failed', 'not_opened'] as const;
export type TargetKind = (typeof targetKinds)[number];

/** The kinds whose id is a campaign's: who failed or is in doubt in it; who was sent it and has not opened it. */
export const campaignTargetKinds = ['failed', 'not_opened'] as const satisfies readonly TargetKind[];
export type CampaignTargetKind = (typeof campaignTargetKinds)[number];

export interface CampaignTarget {
  readonly kind: TargetKind;
  readonly id: string;
  readonly mode: 'include' | 'exclude';
}

export function isOfCampaign(target: CampaignTarget): target is CampaignTarget & { readonly kind: CampaignTargetKind } {
  return target.kind === 'failed' || target.kind === 'not_opened';
}

/** Who was sent a campaign and has not opened it, as a segment would say it: opens of machines are none. */
export function notOpenedRule(campaignId: string): Rule {
  return { op: 'and', parts: [{ event: 'sent', operator: 'has_done', campaign: campaignId }, { event: 'opened', operator: 'has_not_done', campaign: campaignId }] };
}
