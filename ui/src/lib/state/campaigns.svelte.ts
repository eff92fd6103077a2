import { get, post, remove } from '$lib/api/client.ts';
import type { Campaign, CampaignAction, CampaignRow, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Pages } from './table.svelte.ts';

export type Move = Exclude<CampaignAction, 'edit' | 'test' | 'schedule' | 'launch' | 'delete'>;

export const moveCampaign = (id: string, move: Move): Promise<Campaign> => post(`/campaigns/{id}/${move}`, { path: { id } });

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
