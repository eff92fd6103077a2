import { allows, type Role } from '../access.ts';

export type CampaignState = 'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
export type CampaignMove = 'launch' | 'pause' | 'resume' | 'cancel' | 'finish' | 'fail';
export type CampaignPhase = 'resolving' | 'sending' | 'retrying';

/** The lifecycle. Validators of the workflow, buttons and the tests read this table. */
export const moves = {
  draft: { launch: 'running' },
  scheduled: { launch: 'running', cancel: 'cancelled' },
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

/** The sentence that refuses a move, fit for the screen. */
export function refusal(state: CampaignState, move: CampaignMove): string {
  return `A campaign that is ${state} cannot ${move}.`;
}

export function isFinal(state: CampaignState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

export type CampaignAction = 'edit' | 'test' | 'launch' | 'pause' | 'resume' | 'cancel' | 'duplicate' | 'archive' | 'unarchive' | 'delete';

/** What this role may do now with a campaign: the buttons of the screen and the guards of the API. */
export function allowedActions(campaign: { readonly state: CampaignState; readonly archived: boolean }, role: Role): CampaignAction[] {
  const actions: CampaignAction[] = [];
  const may = (move: CampaignMove) => after(campaign.state, move) !== undefined;
  if (campaign.state === 'draft' && allows(role, 'campaigns.edit')) actions.push('edit', 'test');
  if (allows(role, 'campaigns.launch')) {
    for (const move of ['launch', 'pause', 'resume', 'cancel'] as const) if (may(move)) actions.push(move);
  }
  if (allows(role, 'campaigns.edit')) {
    actions.push('duplicate');
    if (isFinal(campaign.state)) actions.push(campaign.archived ? 'unarchive' : 'archive');
  }
  if (campaign.state === 'draft' && allows(role, 'campaigns.delete')) actions.push('delete');
  return actions;
}
