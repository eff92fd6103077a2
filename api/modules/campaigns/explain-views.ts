import { z } from 'zod';
import { recipientStates } from '#domain/campaign/recipients.ts';
import { targetKinds } from '#domain/campaign/targets.ts';
import { PartView } from '../segments/views.ts';

export const verdicts = ['sent', 'pending', 'sending', 'failed', 'skipped', 'in_doubt', 'would_get', 'excluded', 'not_included', 'unmailable', 'not_in_audience', 'unknown_address'] as const;
const time = z.string().nullable();

export const ExplainView = z.object({
  email: z.string(),
  /** null: nobody has this address. */
  customerId: z.int().nullable(),
  verdict: z.enum(verdicts),
  /** The answer in words, the most telling sentence first. */
  says: z.array(z.string()),
  /** What the campaign's targets say of her now. */
  targets: z.array(z.object({
    kind: z.enum(targetKinds), id: z.string(), name: z.string().nullable(), mode: z.enum(['include', 'exclude']),
    /** null: the target is gone, or cannot be asked. */
    matches: z.boolean().nullable(),
    /** Of a segment, and of those who have not opened: each condition with her value. */
    tree: PartView.nullable(),
  })),
  suppression: z.object({ reason: z.string(), source: z.string(), at: z.string(), cause: z.string().nullable(), note: z.string().nullable() }).nullable(),
  /** Her row in the ledger, once the audience is frozen. */
  message: z.object({
    state: z.enum(recipientStates), reason: z.string().nullable(), reply: z.string().nullable(), attempts: z.int(), connection: z.string().nullable(), variant: z.string().nullable(),
    at: time, notBefore: time, deliveredAt: time, openedAt: time, clickedAt: time, bouncedAt: time, complainedAt: time, unsubscribedAt: time,
  }).nullable(),
}).meta({ id: 'CampaignExplanation' });

export const DriftView = z.object({
  frozen: z.int(), frozenAt: z.string(),
  /** Who would be in today. */
  today: z.int(), join: z.int(), leave: z.int(),
  /** Among those who would leave: no mail may go to them any more. */
  unmailable: z.int(),
}).meta({ id: 'AudienceDrift' });
