import { z } from 'zod';
import { CampaignRowView } from '../campaigns/views.ts';
import { JourneyRowView } from '../journeys/views.ts';
import { OverviewView } from '../reports/views.ts';

/** What a person should look at, with where to. */
export const AttentionView = z.object({
  kind: z.enum(['campaign_paused', 'campaign_failed', 'journey_held', 'connection_broken', 'import_failed']),
  id: z.string(), name: z.string(),
  /** A code the screens have words for; null: `detail` says it. */
  reason: z.string().nullable(), detail: z.string().nullable(), at: z.string(),
}).meta({ id: 'Attention' });

export const DashboardView = z.object({
  mailable: z.int(), customers: z.int(), lists: z.int(), campaigns: z.int(),
  /** The period that was asked for. */
  overview: OverviewView,
  running: z.array(CampaignRowView), scheduled: z.array(CampaignRowView),
  /** Published journeys, those with most people inside first. */
  journeys: z.array(JourneyRowView),
  attention: z.array(AttentionView),
  checklist: z.object({ uploaded: z.boolean(), looked: z.boolean(), written: z.boolean(), tested: z.boolean(), launched: z.boolean(), arrived: z.boolean() }),
});
