import { z } from 'zod';
import { journeyStates } from '#domain/journey/status.ts';
import { MetricsView } from '../campaigns/report-views.ts';

const metrics = MetricsView.shape;

/** What one day came to. */
export const DayView = z.object({
  date: z.string(), sent: z.int(), delivered: z.int().nullable(), opened: z.int(), clicked: z.int(), bounced: z.int(), complained: z.int(), unsubscribed: z.int(),
}).meta({ id: 'ReportDay' });

export const OverviewView = z.object({
  from: z.string(), to: z.string(), zone: z.string(),
  totals: MetricsView,
  /** The same number of days right before. */
  before: z.object({ from: z.string(), to: z.string(), totals: MetricsView }),
  daily: z.array(DayView),
}).meta({ id: 'ReportOverview' });

export const CampaignsInRange = z.object({
  ...metrics, id: z.string(), name: z.string(), subject: z.string(), state: z.enum(['draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled']), recipients: z.int(), launchedAt: z.string(),
}).meta({ id: 'CampaignInRange' });

export const JourneysInRange = z.object({
  data: z.array(z.object({
    ...metrics, id: z.string(), name: z.string(), state: z.enum(journeyStates),
    /** To this day, whatever the range. */
    enrolled: z.int(), active: z.int(), goals: z.int(), goalRate: z.number().nullable(),
  })),
}).meta({ id: 'JourneysInRange' });

export const ConnectionsInRange = z.object({
  data: z.array(z.object({ ...metrics, connectionId: z.string(), name: z.string(), vendor: z.string(), health: z.enum(['unknown', 'healthy', 'broken']) })),
}).meta({ id: 'ConnectionsInRange' });
