import { randomUUID } from 'node:crypto';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import type { TestOrganization } from './organization.ts';

export interface TestCampaign {
  readonly orgId: string;
  readonly campaignId: string;
  readonly mailNo: number;
  readonly listId: string;
}

export interface CampaignSetup {
  /** Addresses, or how many to make: `user1@example.com` and so on. */
  readonly recipients: readonly string[] | number;
  readonly port: number;
  readonly parallel?: number;
  readonly host?: string;
  readonly html?: string;
  readonly text?: string;
  readonly subject?: string;
  readonly fromEmail?: string;
  readonly username?: string;
}

export const TEST_HTML = '<html><body><p>Hello {{ first_name | default: "friend" }}</p><p><a href="https://shop.example/a">A</a> <a href="https://shop.example/b">B</a></p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>';

/** A launched campaign in rows: customers in a list, a connection to an SMTP server on this machine, nothing sent yet. */
export async function createLaunchedCampaign(organization: TestOrganization, setup: CampaignSetup): Promise<TestCampaign> {
  const { orgId, container } = organization;
  const listId = randomUUID();
  const campaignId = randomUUID();
  const connectionId = randomUUID();
  const mailNo = await container.tenants.use(orgId, async ({ sql }) => {
    await sql.run('insert into list (id, name) values ($1, $2)', [listId, `List ${listId}`]);
    const emails = typeof setup.recipients === 'number'
      ? `select 'user' || i || '@example.com', 'First' || i from generate_series(1, ${setup.recipients}) i`
      : 'select e, null from unnest($1::text[]) e';
    await sql.run(
      `insert into customer (email, email_key, first_name, city) select e, lower(e), f, 'London' from (${emails}) x(e, f) on conflict (email_key) do nothing`,
      typeof setup.recipients === 'number' ? [] : [setup.recipients],
    );
    await sql.run(
      typeof setup.recipients === 'number'
        ? 'insert into list_member (list_id, customer_id) select $1, id from customer order by id limit $2'
        : 'insert into list_member (list_id, customer_id) select $1, id from customer where email = any($2::text[])',
      [listId, setup.recipients],
    );
    await sql.run(
      `insert into connection (id, name, vendor, settings, parallel) values ($1, $2, 'smtp', $3, $4)`,
      [connectionId, `Sink ${connectionId}`, JSON.stringify({ host: setup.host ?? '127.0.0.1', port: setup.port, secure: 'none', username: setup.username ?? '' }), setup.parallel ?? 20],
    );
    const mail = await sql.first<{ no: number }>("insert into mail (kind, ref_id) values ('campaign', $1) returning no", [campaignId]);
    const no = mail?.no ?? 0;
    await sql.run(
      `insert into campaign (id, mail_no, name, subject, from_name, from_email, html, text, targets, delivery, state, phase, created_by, launched_at)
       values ($1, $2, 'Spring', $3, 'Shop', $4, $5, $8, $6, $7, 'running', 'resolving', 'test', now())`,
      [campaignId, no, setup.subject ?? 'Hello {{ first_name }}', setup.fromEmail ?? 'news@shop.example', setup.html ?? TEST_HTML, JSON.stringify([{ kind: 'list', id: listId, mode: 'include' }]), JSON.stringify(singleDelivery(connectionId)), setup.text ?? ''],
    );
    await sql.run('analyze customer');
    return no;
  });
  return { orgId, campaignId, mailNo, listId };
}

/** The ledger of a mail by state name. */
export async function ledgerOf(organization: TestOrganization, mailNo: number): Promise<Record<string, number>> {
  const names = ['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'];
  return organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    const rows = await sql.rows<{ state: number; count: number }>('select state, count(*)::int as count from message where mail_no = $1 group by state', [mailNo]);
    return Object.fromEntries(rows.map((row) => [names[row.state] ?? '?', row.count]));
  });
}
