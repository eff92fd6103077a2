import type { GraphNode, NodeKindName } from '../graph.ts';
import { addToList } from './add-to-list.ts';
import { engagementCondition } from './engagement-condition.ts';
import { entry } from './entry.ts';
import { eventCondition } from './event-condition.ts';
import { exit } from './exit.ts';
import { fieldCondition } from './field-condition.ts';
import { fixedDelay } from './fixed-delay.ts';
import { holdout } from './holdout.ts';
import type { NodeKind } from './node.ts';
import { percentageSplit } from './percentage-split.ts';
import { removeFromList } from './remove-from-list.ts';
import { segmentCondition } from './segment-condition.ts';
import { send } from './send.ts';
import { timeWindow } from './time-window.ts';
import { updateField } from './update-field.ts';
import { waitForEvent } from './wait-for-event.ts';
import { waitUntilDate } from './wait-until-date.ts';
import { webhook } from './webhook.ts';

/** Every kind of step there is, in the order of the palette. Configs are passed as they are stored; defaults are filled in here. */
export const nodeKinds = {
  entry, send, 'update-field': updateField, 'add-to-list': addToList, 'remove-from-list': removeFromList, webhook, exit,
  'field-condition': fieldCondition, 'engagement-condition': engagementCondition, 'segment-condition': segmentCondition, 'event-condition': eventCondition,
  'percentage-split': percentageSplit, holdout,
  'fixed-delay': fixedDelay, 'wait-until-date': waitUntilDate, 'wait-for-event': waitForEvent, 'time-window': timeWindow,
} as const satisfies Record<NodeKindName, NodeKind>;

export function kindOf(node: Pick<GraphNode, 'kind'>): NodeKind {
  return nodeKinds[node.kind];
}
