import ArrowRightLeft from '@lucide/svelte/icons/arrow-right-left';
import CalendarClock from '@lucide/svelte/icons/calendar-clock';
import CalendarRange from '@lucide/svelte/icons/calendar-range';
import ChartPie from '@lucide/svelte/icons/chart-pie';
import CircleStop from '@lucide/svelte/icons/circle-stop';
import Clock from '@lucide/svelte/icons/clock';
import Filter from '@lucide/svelte/icons/list-filter';
import ListMinus from '@lucide/svelte/icons/list-minus';
import ListPlus from '@lucide/svelte/icons/list-plus';
import LogIn from '@lucide/svelte/icons/log-in';
import MousePointerClick from '@lucide/svelte/icons/mouse-pointer-click';
import Pencil from '@lucide/svelte/icons/pencil';
import Send from '@lucide/svelte/icons/send';
import Shield from '@lucide/svelte/icons/shield-minus';
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal';
import Webhook from '@lucide/svelte/icons/webhook';
import Zap from '@lucide/svelte/icons/zap';
import type { NodeKindName } from '#domain/journey/graph.ts';

/** How steps look: an icon by kind, a colour by family. */

export const icons: Record<NodeKindName, typeof Send> = {
  entry: LogIn, exit: CircleStop, send: Send, 'update-field': Pencil, 'add-to-list': ListPlus, 'remove-from-list': ListMinus, webhook: Webhook,
  'field-condition': SlidersHorizontal, 'engagement-condition': MousePointerClick, 'segment-condition': Filter, 'event-condition': Zap, 'percentage-split': ChartPie, holdout: Shield,
  'fixed-delay': Clock, 'wait-until-date': CalendarClock, 'wait-for-event': ArrowRightLeft, 'time-window': CalendarRange,
};

export type Family = 'action' | 'condition' | 'delay' | 'end';

export const familyOf: Record<NodeKindName, Family> = {
  entry: 'end', exit: 'end', send: 'action', 'update-field': 'action', 'add-to-list': 'action', 'remove-from-list': 'action', webhook: 'action',
  'field-condition': 'condition', 'engagement-condition': 'condition', 'segment-condition': 'condition', 'event-condition': 'condition', 'percentage-split': 'condition', holdout: 'condition',
  'fixed-delay': 'delay', 'wait-until-date': 'delay', 'wait-for-event': 'delay', 'time-window': 'delay',
};

/** A card's left edge, as a class. */
export const familyEdge: Record<Family, string> = { action: 'border-l-chart-2', condition: 'border-l-chart-3', delay: 'border-l-paused', end: 'border-l-ink-faint' };
