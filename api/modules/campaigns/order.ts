import { z } from 'zod';

/** Orders of the campaign list. Each but the dates has two names: `sent` goes up, `-sent` down. */

interface Key {
  /** SQL over the row `q`, never null; its place in a page's cursor is the same as text. */
  readonly sql: string;
  readonly type: 'text' | 'int' | 'float8' | 'timestamptz';
}

/** A campaign that has sent nothing has no rate: it stands below all that have. */
const rate = (part: 'opened' | 'clicked' | 'unsubscribed' | 'bounced'): Key => ({ sql: `case when q.sent = 0 then -1 else q.${part}::float8 / q.sent end`, type: 'float8' });

const keys = {
  name: { sql: 'lower(q.name)', type: 'text' },
  state: { sql: `array_position(array['running', 'paused', 'scheduled', 'draft', 'completed', 'failed', 'cancelled'], q.state)`, type: 'int' },
  recipients: { sql: 'q.recipients', type: 'int' },
  sent: { sql: 'q.sent', type: 'int' },
  opened: rate('opened'), clicked: rate('clicked'), unsubscribed: rate('unsubscribed'), bounced: rate('bounced'),
  changed: { sql: 'coalesce(q."endedAt", q."launchedAt", q."updatedAt")', type: 'timestamptz' },
} as const satisfies Record<string, Key>;
const created: Key = { sql: 'q."createdAt"', type: 'timestamptz' };

type Name = keyof typeof keys;
export type CampaignOrder = 'newest' | 'oldest' | Name | `-${Name}`;
export const campaignOrders = ['newest', 'oldest', ...(Object.keys(keys) as Name[]).flatMap((name) => [name, `-${name}`] as const)] as [CampaignOrder, ...CampaignOrder[]];

const values = {
  text: z.string(), int: z.string().regex(/^\d+$/), float8: z.string().regex(/^-?[\d.]+(e-?\d+)?$/), timestamptz: z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?$/),
} as const satisfies Record<Key['type'], z.ZodType<string>>;

/**
 * The order as the list's statement needs it.
 * @returns `key`, `after` ($4 the key as text, $5 the id) and `order by` in SQL; the shape of a cursor of this order
 */
export function orderOf(order: CampaignOrder) {
  const isDown = order === 'newest' || order.startsWith('-');
  const { sql, type } = order === 'newest' || order === 'oldest' ? created : keys[order.replace('-', '') as Name];
  const way = isDown ? 'desc' : 'asc';
  return {
    key: `(${sql})::text`, after: `($4::text is null or (${sql}, q.id) ${isDown ? '<' : '>'} ($4::${type}, $5::uuid))`, by: `${sql} ${way}, q.id ${way}`,
    cursor: z.tuple([z.literal(order), values[type], z.uuid()]),
  };
}
