import { z } from 'zod';
import { CampaignRowView } from '../campaigns/views.ts';

export const DashboardView = z.object({
  mailable: z.int(), customers: z.int(), lists: z.int(), campaigns: z.int(), sent30d: z.int(), opened30d: z.int(), clicked30d: z.int(),
  running: z.array(CampaignRowView),
  checklist: z.object({ uploaded: z.boolean(), looked: z.boolean(), written: z.boolean(), tested: z.boolean(), launched: z.boolean(), arrived: z.boolean() }),
  daily: z.array(z.object({ date: z.string(), sent: z.int(), opened: z.int(), clicked: z.int() })),
});
