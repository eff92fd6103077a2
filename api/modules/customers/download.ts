import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { notFound } from '#domain/shared/errors.ts';
import type { Sql } from '../../../infra/db/sql.ts';

export type DownloadFormat = 'json' | 'csv';

type Row = Record<string, unknown>;

/** $1 customer; of paged ones $2 the last `key` and $3 the page's size. */
interface Section {
  readonly name: string;
  readonly isPaged: boolean;
  readonly query: string;
}

const sections: readonly Section[] = [
  {
    name: 'lists', isPaged: false,
    query: 'select l.id::text as list_id, l.name, m.added_at from list_member m join list l on l.id = m.list_id where m.customer_id = $1 order by m.added_at, l.id',
  },
  {
    name: 'suppression', isPaged: false,
    query: 'select p.reason, p.source, p.cause, p.note, p.history, p.created_at from suppression p join customer c on c.email_key = p.email_key where c.id = $1',
  },
  {
    name: 'imports', isPaged: false,
    query: 'select j.id::text as import_id, j.file_name, j.created_by, j.created_at from customer c join import_job j on j.no = any(c.imports) where c.id = $1 order by j.no',
  },
  {
    name: 'sign_ups', isPaged: false,
    query: `select s.form_name as form, s.answers, s.consent_text, s.double_opt_in, s.state, s.created_at, s.confirmed_at
      from sign_up s join customer c on s.customer_id = c.id or s.email_key = c.email_key where c.id = $1 order by s.no`,
  },
  {
    name: 'changes', isPaged: true,
    query: 'select id as key, kind, at, actor, detail from customer_change where customer_id = $1 and id > $2 order by id limit $3',
  },
  {
    name: 'mails', isPaged: true,
    query: `select m.mail_no as key, c.id::text as campaign_id, c.name as campaign, (array['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'])[m.state + 1] as state, m.reason, m.reply, m.attempt as attempts,
      m.ended_at, m.first_opened_at, m.first_clicked_at, m.open_count, m.click_count, m.unsubscribed_at
      from message m left join campaign c on c.mail_no = m.mail_no where m.customer_id = $1 and m.mail_no > $2 order by m.mail_no limit $3`,
  },
  {
    name: 'events', isPaged: true,
    query: `select e.id as key, e.type, e.occurred_at, e.received_at, c.id::text as campaign_id, c.name as campaign, k.url, e.source, e.machine, e.detail
      from event e left join campaign c on c.mail_no = e.mail_no left join link k on k.mail_no = e.mail_no and k.no = e.link_no
      where e.customer_id = $1 and e.id > $2 order by e.id limit $3`,
  },
  {
    name: 'journeys', isPaged: true,
    query: `select e.id as key, e.journey_id::text, j.name as journey, e.version_no as version, e.state, e.reason, e.node_id as step, e.entered_at, e.arrived_at, e.due_at, e.ended_at, e.goal_at,
      (select json_agg(json_build_object('step', s.node_id, 'port', s.port, 'arrived_at', s.arrived_at, 'left_at', s.left_at, 'detail', s.detail) order by s.visit) from enrollment_step s where s.enrollment_id = e.id) as path,
      (select json_agg(json_build_object('state', w.state, 'attempts', w.attempt, 'first_at', w.first_at, 'body', w.body, 'status', w.status, 'response', w.response) order by w.visit) from journey_webhook w where w.enrollment_id = e.id) as webhooks
      from enrollment e join journey j on j.id = e.journey_id where e.customer_id = $1 and e.id > $2 order by e.id limit $3`,
  },
];

const PERSON = /* sql */ `
select id, email, first_name, last_name, phone, city, country, score, timezone, custom, is_unsubscribed, is_bounced, is_suppressed, created_at, updated_at from customer where id = $1`;
const PAGE = 1_000;

/**
 * Writes all that is known of one customer, section by section, in pages: JSON with one list per section, or CSV with one
 * line per value (`section,record,field,value`). `open` is called before the first byte.
 * @throws AppError `not_found`
 */
export async function writeAllOf(sql: Sql, customerId: number, format: DownloadFormat, out: Writable, open: () => void): Promise<void> {
  const person = await sql.first<Row>(PERSON, [customerId]);
  if (person === undefined) throw notFound('customer');
  open();
  const put = async (text: string) => {
    if (!out.write(text)) await once(out, 'drain');
  };
  await put(format === 'json' ? `{"customer":${JSON.stringify(person)}` : stringify([['section', 'record', 'field', 'value'], ...toLines('customer', 1, person)], { escape_formulas: true }));
  for (const section of sections) {
    if (format === 'json') await put(`,${JSON.stringify(section.name)}:[`);
    let count = 0;
    for await (const rows of pagesOf(sql, section, customerId)) {
      if (format === 'json') await put(`${count > 0 ? ',' : ''}${rows.map((row) => JSON.stringify(row)).join(',')}`);
      else await put(stringify(rows.flatMap((row, i) => toLines(section.name, count + i + 1, row)), { escape_formulas: true }));
      count += rows.length;
    }
    if (format === 'json') await put(']');
  }
  await put(format === 'json' ? '}\n' : '');
}

async function* pagesOf(sql: Sql, { query, isPaged }: Section, customerId: number): AsyncIterable<Row[]> {
  for (let after = 0; ; ) {
    const rows = await sql.rows<Row>(query, isPaged ? [customerId, after, PAGE] : [customerId]);
    if (rows.length === 0) return;
    after = Number(rows.at(-1)!['key']);
    yield rows.map(({ key: _key, ...row }) => row);
    if (!isPaged || rows.length < PAGE) return;
  }
}

function toLines(section: string, record: number, row: Row): (string | number)[][] {
  return Object.entries(row).flatMap(([field, value]): (string | number)[][] => {
    if (value === null || value === undefined) return [];
    if (field === 'custom') return Object.entries(value as Record<string, string>).map(([key, text]) => [section, record, `custom.${key}`, text]);
    return [[section, record, field, value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value)]];
  });
}
