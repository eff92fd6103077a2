import { get, post, remove } from '$lib/api/client.ts';
import type { Body, Campaign, CampaignAction, CampaignRow, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Pages } from './table.svelte.ts';

export type Move = Exclude<CampaignAction, 'edit' | 'test' | 'schedule' | 'launch' | 'duplicate' | 'delete'>;

export const moveCampaign = (id: string, move: Move): Promise<Campaign> => post(`/campaigns/{id}/${move}`, { path: { id } });

/** For whom a copy is: everybody, or these of the recipients alone. */
export type CopyFor = 'everyone' | NonNullable<Body<'/campaigns/{id}/duplicate', 'post'>['only']>;

/** A copy as a new draft. What was sent asks first for whom it is. */
export class Duplication {
  /** Whose copy is being asked about. */
  asked = $state.raw<CampaignRow | Campaign | null>(null);
  isAsking = $state(false);
  copy = new Action((id: string, only: CopyFor) => post('/campaigns/{id}/duplicate', { path: { id }, body: only === 'everyone' ? {} : { only } }));

  /** @returns the copy, or null when it asks first or was refused */
  begin = async (campaign: CampaignRow | Campaign): Promise<Campaign | null> => {
    this.copy.error = null;
    if (campaign.state === 'draft' || campaign.state === 'scheduled') return this.copy.run(campaign.id, 'everyone');
    this.asked = campaign;
    this.isAsking = true;
    return null;
  };
}

export class Campaigns extends Pages<CampaignRow, Query<'/campaigns'>> {
  constructor() {
    super((query) => get('/campaigns', { query }));
  }

  create = new Action((name: string) => post('/campaigns', { body: { name: name.trim() } }));
  move = new Action(async (campaign: CampaignRow, move: Move) => {
    const moved = await moveCampaign(campaign.id, move);
    await this.reload();
    return moved;
  });
  delete = new Action(async (campaign: CampaignRow) => {
    await remove('/campaigns/{id}', { path: { id: campaign.id } });
    this.drop((row) => row.id === campaign.id);
    return true;
  });
}
