import type { Metrics } from '$lib/api/types.ts';
import type { Numbers } from '$lib/charts/chart.ts';
import { reportText } from '$lib/strings/en/report.ts';

/** One part of a report: a connection, a variant, a domain, a campaign. */
export interface MetricsRow {
  readonly id: string;
  readonly name: string;
  readonly note?: string;
  readonly href?: string;
  readonly metrics: Metrics;
  /** Cannot be taken out of a comparison. */
  readonly fixed?: boolean;
}

/** Metrics by part as a table for files: every metric, every rate. */
export function metricsNumbers(first: string, rows: readonly MetricsRow[]): Numbers {
  const { metrics, report } = reportText;
  return {
    columns: [
      first, metrics.sent, metrics.delivered, metrics.opened, `${metrics.opened}, total`, report.machineOpens, metrics.clicked, `${metrics.clicked}, total`, report.machineClicks, metrics.bounced, metrics.complained, metrics.unsubscribed, metrics.failed, metrics.skipped, metrics.inDoubt,
      ...[metrics.openRate, metrics.clickRate, metrics.clickToOpenRate, metrics.bounceRate, metrics.complaintRate, metrics.unsubscribeRate, metrics.deliveryRate].map((rate) => `${rate} %`),
    ],
    rows: rows.map(({ name, metrics: now }) => [
      name, now.sent, now.delivered, now.opened.unique, now.opened.total, now.opened.machine, now.clicked.unique, now.clicked.total, now.clicked.machine, now.bounced, now.complained, now.unsubscribed, now.failed, now.skipped, now.inDoubt,
      now.openRate, now.clickRate, now.clickToOpenRate, now.bounceRate, now.complaintRate, now.unsubscribeRate, now.deliveryRate,
    ]),
  };
}
