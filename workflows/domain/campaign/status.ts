import { allows, type Role } from '../access.ts';

export type CampaignState = 'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
export type CampaignMove = 'schedule' | 'unschedule' | 'launch' | 'due' | 'miss' | 'pause' | 'resume' | 'cancel' | 'finish' | 'fail';
export type CampaignPhase = 'resolving' | 'sending' | 'testing' | 'waiting' | 'sending_winner' | 'retrying' | 'waiting_for_limit' | 'waiting_for_zone';

/** The lifecycle. Validators of the workflow, buttons and the tests read this table. */
export const moves = {
  draft: { schedule: 'scheduled', launch: 'running' },
  scheduled: { unschedule: 'draft', due: 'running', miss: 'paused' },
  running: { pause: 'paused', cancel: 'cancelled', finish: 'completed', fail: 'failed' },
  paused: { resume: 'running', cancel: 'cancelled', fail: 'failed' },
  completed: {},
  failed: {},
  cancelled: {},
} as const satisfies Record<CampaignState, Partial<Record<CampaignMove, CampaignState>>>;

/** The state a move leads to, or undefined where it is not allowed. */
export function after(state: CampaignState, move: CampaignMove): CampaignState | undefined {
  return (moves[state] as Partial<Record<CampaignMove, CampaignState>>)[move];
}

const wishes: Record<CampaignMove, string> = {
  schedule: 'be scheduled', unschedule: 'be unscheduled', launch: 'be launched', due: 'start', miss: 'miss its time', pause: 'be paused', resume: 'be resumed',
  cancel: 'be cancelled', finish: 'finish', fail: 'fail',
};

/** The sentence that refuses a move, fit for the screen. */
export function refusal(state: CampaignState, move: CampaignMove): string {
  return `A campaign that is ${state} cannot ${wishes[move]}.`;
}

export function isFinal(state: CampaignState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

export type PauseReason =
  | 'user' | 'login_refused' | 'sender_refused' | 'connection_failures' | 'policy_refusals' | 'connection_disabled' | 'complaint_rate' | 'bounce_rate' | 'missed_time' | 'restored' | 'organization_deleted';

export type CampaignAction = 'edit' | 'test' | 'schedule' | 'unschedule' | 'launch' | 'pause' | 'resume' | 'cancel' | 'duplicate' | 'archive' | 'unarchive' | 'delete';

/** What this role may do now with a campaign: the buttons of the screen and the guards of the API. */
export function allowedActions(campaign: { readonly state: CampaignState; readonly archived: boolean }, role: Role): CampaignAction[] {
  const actions: CampaignAction[] = [];
  const may = (move: CampaignMove) => after(campaign.state, move) !== undefined;
  if (allows(role, 'campaigns.edit')) {
    // One that waits for its time becomes a draft again with the first edit.
    if (campaign.state === 'draft' || campaign.state === 'scheduled') actions.push('edit');
    if (campaign.state === 'draft') actions.push('test');
  }
  if (allows(role, 'campaigns.launch')) {
    for (const move of ['schedule', 'unschedule', 'launch', 'pause', 'resume', 'cancel'] as const) if (may(move)) actions.push(move);
  }
  if (allows(role, 'campaigns.edit')) {
    actions.push('duplicate');
    if (isFinal(campaign.state)) actions.push(campaign.archived ? 'unarchive' : 'archive');
  }
  if (campaign.state === 'draft' && allows(role, 'campaigns.delete')) actions.push('delete');
  return actions;
}
