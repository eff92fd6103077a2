import { z } from 'zod';
import type { Metrics } from '#domain/campaign/metrics.ts';
import { engagements, recipientStates } from '#domain/campaign/recipients.ts';

const rate = z.number().nullable();

/** Opens or clicks: people, each once; all of theirs; machines' apart. */
export const EngagedView = z.object({ unique: z.int(), total: z.int(), machine: z.int() }).meta({ id: 'Engaged' });

const metrics = {
  sent: z.int(),
  /** null: no connection of it tells of deliveries. */
  delivered: z.int().nullable(),
  opened: EngagedView, clicked: EngagedView,
  /** Hard, soft and blocked together. */
  bounced: z.int(), hardBounced: z.int(), softBounced: z.int(), blocked: z.int(), complained: z.int(), unsubscribed: z.int(), failed: z.int(), skipped: z.int(), inDoubt: z.int(),
  /** Rates are percent with two decimals, null over nothing. */
  openRate: rate, clickRate: rate, clickToOpenRate: rate, bounceRate: rate, complaintRate: rate, unsubscribeRate: rate, deliveryRate: rate,
} satisfies Record<keyof Metrics, z.ZodType>;

export const MetricsView = z.object(metrics).meta({ id: 'Metrics' });

const state = z.enum(['draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled']);

export const ReportVariant = z.object({
  ...metrics, no: z.int(), label: z.string(), subject: z.string(), fromName: z.string(),
  /** How probable it is that it is the best, 0 to 1. */
  chance: z.number(), isWinner: z.boolean(),
}).meta({ id: 'ReportVariant' });

export const ReportView = z.object({
  ...metrics,
  recipients: z.int(),
  connections: z.array(z.object({ ...metrics, connectionId: z.string(), name: z.string() })),
  variants: z.array(ReportVariant),
  experiment: z.object({
    winnerBy: z.enum(['open_rate', 'click_rate']), testPercent: z.int(), winner: z.int().nullable(),
    /** Who picked it; null: the rule. */
    pickedBy: z.string().nullable(), pickedAt: z.string().nullable(),
  }).nullable(),
  failures: z.array(z.object({ state: z.enum(['failed', 'skipped', 'in_doubt']), reason: z.string(), count: z.int() })),
  /** Why opens and clicks count as machines'. */
  machines: z.array(z.object({ reason: z.string(), opened: z.int(), clicked: z.int() })),
}).meta({ id: 'Report' });

export const TimelineView = z.object({
  zone: z.string(),
  hours: z.array(z.object({
    at: z.string(),
    /** The same on the organization's clock: `2026-03-01T09:00`. */
    local: z.string(),
    sent: z.int(), opened: z.int(), clicked: z.int(), uniqueOpened: z.int(), uniqueClicked: z.int(), machineOpened: z.int(), machineClicked: z.int(), unsubscribed: z.int(), bounced: z.int(),
  })),
}).meta({ id: 'ReportTimeline' });

export const ClickerView = z.object({ customerId: z.int(), email: z.string(), clicks: z.int(), links: z.int() }).meta({ id: 'Clicker' });
export const LinksView = z.object({
  links: z.array(z.object({
    no: z.int(), url: z.string(),
    /** Label of the variant whose content it is in. */
    variant: z.string().nullable(),
    clicks: z.int(), uniqueClicks: z.int(), machineClicks: z.int(),
    /** Of all clicks, in percent. */
    share: rate,
  })),
  /** Of the asked link, or of all. */
  topClickers: z.array(ClickerView),
}).meta({ id: 'ReportLinks' });

const engagement = { opened: z.int(), clicked: z.int(), uniqueOpened: z.int(), uniqueClicked: z.int() };
export const GeographyView = z.object({
  /** ISO 3166, two letters; empty: not known. */
  countries: z.array(z.object({ country: z.string(), ...engagement })),
  cities: z.array(z.object({ country: z.string(), city: z.string(), ...engagement })),
  /** Whether this installation has a database of cities. */
  knowsCities: z.boolean(),
}).meta({ id: 'ReportGeography' });

const machineToo = { machineOpened: z.int(), machineClicked: z.int() };
export const ClientsView = z.object({
  /** Empty: not known. */
  clients: z.array(z.object({ client: z.string(), ...engagement, ...machineToo })),
  devices: z.array(z.object({ device: z.string(), ...engagement, ...machineToo })),
}).meta({ id: 'ReportClients' });

const domain = z.object({ ...metrics, domain: z.string() });
export const DomainsView = z.object({
  domains: z.array(domain),
  /** All domains beyond those shown, together. */
  others: z.object({ ...metrics, domains: z.int() }).nullable(),
}).meta({ id: 'ReportDomains' });

export const CompareView = z.object({
  data: z.array(z.object({ ...metrics, id: z.string(), name: z.string(), subject: z.string(), state, recipients: z.int(), launchedAt: z.string().nullable() })),
}).meta({ id: 'CampaignComparison' });

export const CertificateView = z.object({
  audience: z.object({ frozen: z.string(), recounted: z.string() }),
  resolved: z.int(),
  ledger: z.object({ sent: z.int(), failed: z.int(), skipped: z.int(), inDoubt: z.int() }),
  reasons: z.array(z.object({ state: z.enum(['failed', 'skipped', 'in_doubt']), reason: z.string(), count: z.int() })),
  counters: z.object({ sent: z.int(), failed: z.int(), skipped: z.int(), inDoubt: z.int() }),
  events: z.object({ sent: z.int(), erased: z.int() }),
  verdict: z.enum(['balanced', 'differs']),
  /** Recipients whose ledger row and record disagree, 100 at most; without an address: erased since. */
  differing: z.array(z.object({ customerId: z.int(), email: z.string().nullable() })),
  issuedAt: z.string(),
}).meta({ id: 'Certificate' });

/** How lists and exports of recipients are filtered. */
export const recipientFilter = {
  state: z.enum(recipientStates).optional(), reason: z.string().max(50).optional(), connection: z.uuid().optional(),
  variant: z.string().regex(/^[A-Z]$/, 'Expected the letter of a variant, like B.').optional(), engagement: z.enum(engagements).optional(), search: z.string().max(254).optional(),
};
const time = z.string().nullable();

export const RecipientView = z.object({
  /** null: erased. */
  customerId: z.int().nullable(), email: z.string().nullable(),
  state: z.enum(recipientStates), reason: z.string().nullable(), reply: z.string().nullable(), attempt: z.int(),
  connectionId: z.string().nullable(), connection: z.string().nullable(), variant: z.string().nullable(), messageId: z.string().nullable(),
  sentAt: time, endedAt: time, deliveredAt: time, openedAt: time, clickedAt: time, opens: z.int(), clicks: z.int(), bouncedAt: time, complainedAt: time, unsubscribedAt: time,
}).meta({ id: 'Recipient' });
