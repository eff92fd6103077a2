import type { Overview } from '$lib/api/types.ts';
import type { Point, Series } from '$lib/charts/chart.ts';
import { reportText } from '$lib/strings/en/report.ts';
import { dayLabel, dayTitle } from './timeline.ts';

/** The days of an overview as a chart needs them. */
export const dayPoints = (overview: Overview): Point[] => overview.daily.map(({ date, sent, opened, clicked }) => ({ id: date, label: dayLabel(date), title: dayTitle(date), values: { sent, opened, clicked } }));

const { metrics } = reportText;
export const daySeries: readonly Series[] = [{ key: 'sent', label: metrics.sent, shape: 'bar', colour: 1 }, { key: 'opened', label: metrics.opened, shape: 'line', colour: 2 }, { key: 'clicked', label: metrics.clicked, shape: 'line', colour: 3 }];
