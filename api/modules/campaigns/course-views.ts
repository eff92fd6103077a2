import { z } from 'zod';

/** Every state it came into, oldest first. */
export const HistoryView = z.object({
  data: z.array(z.object({
    at: z.string(), state: z.enum(['draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled']), reason: z.string().nullable(), detail: z.string().nullable(),
    /** Who asked for it; null: the system by itself. */
    by: z.string().nullable(),
  })),
}).meta({ id: 'CampaignHistory' });

export const WavesView = z.object({
  /** What leaves together, earliest first; `at` null: it may leave at once. */
  data: z.array(z.object({ at: z.string().nullable(), recipients: z.int(), state: z.enum(['waiting', 'sending', 'done']) })),
}).meta({ id: 'CampaignWaves' });

export const standstillCauses = ['no_engine', 'no_worker', 'search_away', 'connection_broken', 'connection_disabled', 'slow_server', 'retries', 'unknown'] as const;

export const StandstillView = z.object({
  /** When anything of it last moved; null unless it runs. */
  since: z.string().nullable(),
  /** What may hold it up, the most telling first. */
  causes: z.array(z.object({
    kind: z.enum(standstillCauses),
    /** The connection concerned. */
    connectionId: z.string().nullable(), connection: z.string().nullable(),
    /** How many recipients it is about. */
    recipients: z.int().nullable(),
    /** When that is over, if anybody knows. */
    until: z.string().nullable(),
    /** The words of a server. */
    detail: z.string().nullable(),
  })),
}).meta({ id: 'CampaignStandstill' });
