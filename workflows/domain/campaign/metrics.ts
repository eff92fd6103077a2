/** What counters came to, of a campaign or a part of it. */
export interface Counters {
  readonly sent: number;
  readonly failed: number;
  readonly skipped: number;
  readonly inDoubt: number;
  readonly delivered: number;
  /** Sent over connections that tell of deliveries. */
  readonly deliverable: number;
  readonly opened: number;
  readonly uniqueOpened: number;
  readonly machineOpened: number;
  readonly clicked: number;
  readonly uniqueClicked: number;
  readonly machineClicked: number;
  readonly bounced: number;
  readonly hardBounced: number;
  readonly blocked: number;
  readonly complained: number;
  readonly unsubscribed: number;
}

/** Of opens or clicks: people, what they did in total, what machines did. */
export interface Engaged {
  readonly unique: number;
  readonly total: number;
  readonly machine: number;
}

export interface Metrics {
  readonly sent: number;
  /** null: not reported. */
  readonly delivered: number | null;
  readonly opened: Engaged;
  readonly clicked: Engaged;
  readonly bounced: number;
  readonly hardBounced: number;
  readonly softBounced: number;
  readonly blocked: number;
  readonly complained: number;
  readonly unsubscribed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly inDoubt: number;
  readonly openRate: number | null;
  readonly clickRate: number | null;
  readonly clickToOpenRate: number | null;
  readonly bounceRate: number | null;
  readonly complaintRate: number | null;
  readonly unsubscribeRate: number | null;
  readonly deliveryRate: number | null;
}

/** Percent with two decimals, at most 100; null over nothing. */
export function percent(part: number, whole: number): number | null {
  return whole <= 0 ? null : Math.min(100, Math.round((part / whole) * 10_000) / 100);
}

/** The metrics of every report. Opened and clicked are people, each once; rates are shares of what was sent. */
export function metricsOf(counters: Counters): Metrics {
  const { sent, uniqueOpened, uniqueClicked, bounced, hardBounced, blocked, complained, unsubscribed, failed, skipped, inDoubt, deliverable } = counters;
  const isReported = deliverable > 0;
  return {
    sent, delivered: isReported ? counters.delivered : null,
    opened: { unique: uniqueOpened, total: counters.opened, machine: counters.machineOpened },
    clicked: { unique: uniqueClicked, total: counters.clicked, machine: counters.machineClicked },
    bounced, hardBounced, softBounced: bounced - hardBounced - blocked, blocked, complained, unsubscribed, failed, skipped, inDoubt,
    openRate: percent(uniqueOpened, sent), clickRate: percent(uniqueClicked, sent), clickToOpenRate: percent(uniqueClicked, uniqueOpened), bounceRate: percent(bounced, sent),
    complaintRate: percent(complained, sent), unsubscribeRate: percent(unsubscribed, sent), deliveryRate: isReported ? percent(counters.delivered, deliverable) : null,
  };
}
