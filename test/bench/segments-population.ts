import { mailEvents } from '#domain/customer/activity.ts';
import type { Node, Rule } from '#domain/segment/ast.ts';
import type { Sql } from '../../infra/db/sql.ts';

/** Rows of one insert. */
const CHUNK = 100_000;
const lists = ['0190a000-0000-7000-8000-000000000001', '0190a000-0000-7000-8000-000000000002', '0190a000-0000-7000-8000-000000000003'] as const;
/** A list with half of the people. */
export const PEOPLE_LIST = lists[0];
const campaigns = { newest: '0190b000-0000-7000-8000-000000000009', earlier: '0190b000-0000-7000-8000-000000000008' };
const MAILS = 40;
const NOW_S = Math.floor(Date.now() / 1_000);

/** Numbers 0 to n - 1 that look random, the same for the same customer and salt. */
const pick = (salt: number, n: number) => `(abs(hashint8extended(i, ${salt})) % ${n})`;
const packed = (count: string, salt: number) => `array(select (m::bigint << 32) + ${NOW_S} - ${MAILS + 2} * 86400 + m * 86400 + ${pick(salt, 80_000)} from generate_series(${MAILS} - ${count} + 1, ${MAILS}) m)`;

/**
 * Writes customers as imports and sends would have: eight standard and seven custom fields, three lists, and a year of
 * mail: 40 sent, on average 8 opened and 2 clicked, each with its campaign.
 */
export async function fillPopulation(sql: Sql, customers: number, progress: (text: string) => void): Promise<void> {
  for (const [i, [key, type]] of fields.entries()) {
    await sql.run('insert into custom_field (field_no, key, label, type, wanted_type, slot) overriding system value values ($1, $2, $2, $3, $3, $4)', [i + 1, key, type, slotOf(i)]);
  }
  for (const [i, id] of lists.entries()) await sql.run('insert into list (id, name) values ($1, $2)', [id, `List ${i + 1}`]);
  for (let no = 1; no <= MAILS; no++) await sql.run(`insert into mail (kind, ref_id) values ('campaign', $1)`, [no === MAILS ? campaigns.newest : campaigns.earlier]);
  await sql.run(`insert into campaign (id, mail_no, name, created_by) values ($1, $2, 'Newest', 'bench')`, [campaigns.newest, MAILS]);
  const everyone: Rule = { op: 'and', parts: [{ field: 'score', operator: 'at_least', value: 10 }] };
  const few: Rule = { op: 'and', parts: [{ field: 'country', operator: 'is_one_of', value: ['nl', 'be'] }] };
  for (const [i, rule] of [everyone, few].entries()) await sql.run('insert into segment (id, name, rule) values ($1, $2, $3)', [`0190d000-0000-7000-8000-00000000000${i + 1}`, `Segment ${i + 1}`, JSON.stringify(rule)]);
  for (let from = 1; from <= customers; from += CHUNK) {
    const to = Math.min(customers, from + CHUNK - 1);
    await sql.run(CUSTOMERS, [from, to]);
    await sql.run(ACTIVITY, [from, to]);
    for (const [i, id] of lists.entries()) await sql.run(`insert into list_member (list_id, customer_id) select $3, i from generate_series($1::bigint, $2::bigint) i where ${pick(50 + i, 100)} < ${[50, 10, 1][i]}`, [from, to, id]);
    if (to % 500_000 === 0) progress(`${to} rows`);
  }
  await sql.run(`select setval(pg_get_serial_sequence('customer', 'id'), $1)`, [customers]);
  for (const table of ['customer', 'customer_activity', 'list_member']) await sql.run(`analyze ${table}`);
}

const fields = [['plan', 'text'], ['spent', 'number'], ['joined', 'date'], ['vip', 'boolean'], ['birthday', 'date'], ['note', 'text'], ['visits', 'number']] as const;
const slotOf = (i: number) => ['k0', 'n0', 'd0', 'b0', 'd1', 'k1', 'n1'][i];

const CUSTOMERS = /* sql */ `
insert into customer (id, email, email_key, first_name, last_name, phone, city, country, score, timezone, custom, is_unsubscribed, is_bounced, is_suppressed, created_at)
overriding system value
select i, e, e, 'First' || ${pick(1, 5_000)}, 'Last' || ${pick(2, 20_000)}, case when ${pick(3, 3)} = 0 then '+44' || ${pick(4, 1_000_000)} end,
  (array['London', 'Paris', 'New York', 'Berlin', 'Madrid', 'Rome', 'Oslo', 'Vienna'])[1 + ${pick(5, 8)}] || case when ${pick(6, 10)} = 0 then ' ' || ${pick(7, 2_000)} else '' end,
  (array['gb', 'us', 'de', 'fr', 'es', 'it', 'nl', 'be', 'at', 'ch'])[1 + ${pick(8, 10)}], ${pick(9, 100)}, case when ${pick(10, 2)} = 0 then 'Europe/London' end,
  jsonb_build_object('plan', (array['free', 'basic', 'premium', 'enterprise'])[1 + ${pick(11, 4)}], 'spent', round(${pick(12, 100_000)} / 100.0, 2)::text,
    'joined', (date '2020-01-01' + ${pick(13, 2_100)}::int)::text, 'vip', case when ${pick(14, 50)} = 0 then 'true' else 'false' end,
    'birthday', (date '1950-01-01' + ${pick(15, 20_000)}::int)::text, 'note', 'note ' || ${pick(16, 300_000)}, 'visits', ${pick(17, 500)}::text),
  ${pick(18, 50)} = 0, ${pick(19, 40)} = 0, ${pick(18, 50)} = 0 or ${pick(19, 40)} = 0 or ${pick(20, 30)} = 0, timestamptz '2026-11-01' - make_interval(mins => ${pick(21, 1_000_000)}::int)
from generate_series($1::bigint, $2::bigint) i, lateral (select 'user' || i || '@' || (array['gmail.com', 'yahoo.com', 'example.com', 'outlook.com', 'uni.edu'])[1 + ${pick(22, 5)}] as e) address`;

const deeds = [['sent', '40', 30], ['opened', pick(31, 17), 32], ['clicked', pick(33, 5), 34]] as const;
if (!deeds.every(([event]) => mailEvents.includes(event))) throw new Error('the bench writes an event nobody knows');
const ACTIVITY = /* sql */ `
insert into customer_activity (customer_id, version, ${deeds.map(([event]) => `${event}_last, ${event}_count, ${event}_in`).join(', ')})
select i, 1, ${deeds.map(([event, , salt]) => `case when cardinality(${event}_in) > 0 then (${NOW_S} - 2 * 86400 + ${pick(salt, 80_000)})::bigint * 1000 end, nullif(cardinality(${event}_in), 0), nullif(${event}_in, '{}')`).join(', ')}
from generate_series($1::bigint, $2::bigint) i, lateral (select ${deeds.map(([event, count, salt]) => `${packed(count, salt)} as ${event}_in`).join(', ')}) did`;

const is = (field: string, operator: string, value?: unknown) => ({ field, operator, ...(value === undefined ? {} : { value }) }) as Node;
const all = (...parts: Node[]): Rule => ({ op: 'and', parts });

/** Every operator, large and deep rules, and event windows. */
export function questions(): [string, Rule][] {
  const deed = (event: string, operator: string, more: object = {}) => all({ event, operator, ...more } as unknown as Node);
  const nested = (depth: number): Node => (depth === 0 ? is('score', 'greater_than', 50) : { op: depth % 3 === 0 ? 'not' : depth % 2 === 0 ? 'or' : 'and', parts: [is('city', 'starts_with', 'lo'), nested(depth - 1), is('plan', 'equals', depth % 2 === 0 ? 'premium' : 'free')] });
  const hundred: Rule = { op: 'or', parts: Array.from({ length: 50 }, (_, i) => all(is('note', 'equals', `note ${i * 977}`), is('visits', 'at_least', i))) };
  return [
    ['everybody', all()],
    ['equals, common', all(is('city', 'equals', 'London'))], ['equals, rare', all(is('note', 'equals', 'note 4711'))], ['equals, number', all(is('score', 'equals', 42))], ['equals, date', all(is('joined', 'equals', '2024-02-29'))],
    ['not equals, common', all(is('country', 'not_equals', 'us'))], ['not equals, rare', all(is('note', 'not_equals', 'note 4711'))],
    ['contains, email', all(is('email', 'contains', '@gmail'))], ['contains, email, rare', all(is('email', 'contains', 'r4711'))], ['contains, email, two characters', all(is('email', 'contains', '47'))],
    ['contains, city', all(is('city', 'contains', 'ndo'))], ['contains, many values', all(is('note', 'contains', '471'))], ['not contains', all(is('note', 'not_contains', '471'))],
    ['starts with', all(is('first_name', 'starts_with', 'First47'))], ['starts with, email', all(is('email', 'starts_with', 'user12'))], ['ends with, email', all(is('email', 'ends_with', '.edu'))], ['ends with, many values', all(is('note', 'ends_with', '471'))],
    ['is one of', all(is('country', 'is_one_of', ['de', 'at', 'ch']))], ['is one of, 1,000 values', all(is('note', 'is_one_of', Array.from({ length: 1_000 }, (_, i) => `note ${i * 7}`)))], ['is none of', all(is('country', 'is_none_of', ['de', 'at']))],
    ['greater than', all(is('score', 'greater_than', 50))], ['less than', all(is('spent', 'less_than', 25.5))], ['at least', all(is('visits', 'at_least', 400))], ['at most', all(is('visits', 'at_most', 3))], ['between', all(is('score', 'between', [10, 90]))],
    ['between, dates', all(is('joined', 'between', ['2024-01-01', '2024-12-31']))], ['before', all(is('joined', 'before', '2021-01-01'))], ['after', all(is('created_at', 'after', '2026-10-01'))],
    ['in the last days', all(is('created_at', 'in_last_days', 60))], ['in the next days', all(is('birthday', 'in_next_days', 30))], ['anniversary', all(is('birthday', 'anniversary_within', 3))],
    ['is true', all(is('vip', 'is_true'))], ['is false', all(is('vip', 'is_false'))], ['is set', all(is('phone', 'is_set'))], ['is not set', all(is('phone', 'is_not_set'))], ['suppressed', all(is('suppression_status', 'equals', 'suppressed'))],
    ['in list', all({ list: lists[1], in: true })], ['not in list', all({ list: lists[0], in: false })], ['in segment', all({ segment: '0190d000-0000-7000-8000-000000000001', in: true })],
    ['opened, 7 days', deed('opened', 'has_done', { window: { last: 7, unit: 'DAY' } })], ['opened, 36 hours', deed('opened', 'has_done', { window: { last: 36, unit: 'HOUR' } })], ['clicked, 3 months', deed('clicked', 'has_done', { window: { last: 3, unit: 'MONTH' } })],
    ['opened a campaign, 7 days', deed('opened', 'has_done', { campaign: campaigns.newest, window: { last: 7, unit: 'DAY' } })],
    ['not opened, 30 days', deed('opened', 'has_not_done', { window: { last: 30, unit: 'DAY' } })], ['never clicked', deed('clicked', 'has_not_done')], ['opened at least 5 times', deed('opened', 'has_done_at_least', { times: 5 })],
    ['sent but not opened', all({ event: 'sent', operator: 'has_done' } as Node, { event: 'opened', operator: 'has_not_done' } as Node)],
    ['none of common values', { op: 'not', parts: [is('country', 'equals', 'us'), is('plan', 'equals', 'free')] }], ['none of rare values', { op: 'not', parts: [is('note', 'equals', 'note 1'), is('note', 'equals', 'note 2')] }],
    ['depth 12', all(nested(12))], ['100 conditions', hundred],
    ['typical', all({ op: 'or', parts: [is('city', 'equals', 'New York'), is('city', 'equals', 'London')] }, { event: 'opened', operator: 'has_done', window: { last: 30, unit: 'DAY' } } as Node, is('custom.plan', 'equals', 'premium'))],
  ];
}
