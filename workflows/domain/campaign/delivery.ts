/** Over which connections a campaign goes. */
export type DeliveryMode = 'single' | 'split' | 'round_robin';

export interface DeliveryShare {
  /** Id of the connection. */
  readonly id: string;
  /** Whole percent of the recipients; of mode `split` only. */
  readonly percent: number;
}

export interface Delivery {
  readonly mode: DeliveryMode;
  readonly connections: readonly DeliveryShare[];
  /** What happens when a connection breaks: `carry_on` moves its untouched recipients to the others. */
  readonly onBreak: 'pause' | 'carry_on';
  /** Mails of this campaign a minute at most, over all connections. */
  readonly throttlePerMinute: number | null;
}

/** A draft that nobody has chosen a connection for. */
export const noDelivery: Delivery = { mode: 'single', connections: [], onBreak: 'pause', throttlePerMinute: null };

export function singleDelivery(connectionId: string): Delivery {
  return { ...noDelivery, connections: [{ id: connectionId, percent: 100 }] };
}

/** The connections it really uses: of mode `single` the first alone. */
export function usedConnections(delivery: Delivery): readonly DeliveryShare[] {
  return delivery.mode === 'single' ? delivery.connections.slice(0, 1) : delivery.connections;
}

/**
 * Shares out whole things by weights with the largest remainder: 101 by 70 and 30 are 71 and 30. Exact: the parts sum to `total`.
 * Of equal remainders the earlier gets more. Weights that are all 0 count as equal.
 */
export function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const shares = weights.map((weight) => (sum === 0 ? total / weights.length : (total * weight) / sum));
  const parts = shares.map((share) => Math.floor(share + 1e-9));
  const order = shares.map((share, i) => ({ i, rest: share - parts[i]! })).sort((a, b) => b.rest - a.rest || a.i - b.i);
  const left = total - parts.reduce((all, part) => all + part, 0);
  for (const { i } of order.slice(0, left)) parts[i]! += 1;
  return parts;
}

/** Recipients of a batch of round robin: 500, fewer for small audiences so that each connection gets 10 turns. */
export function roundRobinBatch(recipients: number, connections: number): number {
  return Math.max(1, Math.min(500, Math.ceil(recipients / (connections * 10))));
}

/** How many of `recipients` each connection gets. */
export function totalsByConnection(recipients: number, delivery: Delivery): number[] {
  const used = usedConnections(delivery);
  if (delivery.mode === 'split') return apportion(recipients, used.map((share) => share.percent));
  if (delivery.mode === 'single' || used.length === 0) return used.map(() => recipients);
  const batch = roundRobinBatch(recipients, used.length);
  const turns = Math.floor(recipients / batch);
  const totals = used.map((_, i) => batch * (Math.floor(turns / used.length) + (i < turns % used.length ? 1 : 0)));
  totals[turns % used.length]! += recipients - turns * batch;
  return totals;
}
