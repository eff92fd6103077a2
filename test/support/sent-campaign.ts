import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import express from 'express';
import { createTrackRouter } from '../../api/track/index.ts';
import { createTrackingIds, type TrackingKind } from '../../infra/mail/tracking-id.ts';
import type { TestOrganization } from './organization.ts';

export interface SentCampaign {
  readonly campaignId: string;
  readonly mailNo: number;
  readonly connectionId: string;
  /** The id in a link of one recipient's mail. */
  id(kind: TrackingKind, ordinal: number, link?: number): string;
}

export interface SentCampaignSetup {
  /** Addresses; more of them as `user<i>@example.com` when it is a number. */
  readonly recipients: readonly string[] | number;
  readonly urls?: readonly string[];
  readonly name?: string;
  readonly vendor?: string;
  /** Columns of `campaign`, as SQL takes them. */
  readonly campaign?: Readonly<Record<string, unknown>>;
  /** SQL for the variant of ordinal `o`; null without an A/B test. */
  readonly variant?: string;
  /** How long ago it was sent, as an interval of SQL. */
  readonly ago?: string;
}

/** A finished campaign in rows, everybody sent to; nothing of the engine runs. */
export async function createSentCampaign({ container, orgId }: Pick<TestOrganization, 'container' | 'orgId'>, setup: SentCampaignSetup): Promise<SentCampaign> {
  const campaignId = randomUUID();
  const connectionId = randomUUID();
  const { recipients, urls = ['https://shop.example/a', 'https://shop.example/b'], ago = '1 minute' } = setup;
  const { mailNo, orgNo } = await container.tenants.use(orgId, async ({ sql, org }) => {
    const emails = typeof recipients === 'number' ? Array.from({ length: recipients }, (_, i) => `user${i + 1}@example.com`) : recipients;
    await sql.run('insert into customer (email, email_key) select e, lower(e) from unnest($1::text[]) with ordinality u(e, n) order by n on conflict (email_key) do nothing', [emails]);
    const connection = await sql.first<{ no: number }>(`insert into connection (id, name, vendor) values ($1, $2, $3) returning no`, [connectionId, `Line ${connectionId}`, setup.vendor ?? 'smtp']);
    const mail = await sql.first<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', $1) returning no`, [campaignId]);
    const no = mail!.no;
    const columns: Record<string, unknown> = {
      id: campaignId, mail_no: no, name: setup.name ?? 'Spring', subject: 'Hello', from_name: 'Shop', from_email: 'news@shop.example', html: '<p>Hello</p>', state: 'completed', created_by: 'test', recipients: emails.length,
      delivery: JSON.stringify({ mode: 'single', connections: [{ id: connectionId, percent: 100 }], onBreak: 'pause', throttlePerMinute: null }), ...setup.campaign,
    };
    await sql.run(`insert into campaign (${Object.keys(columns).join(', ')}, launched_at, ended_at) values (${Object.keys(columns).map((_, i) => `$${i + 1}`).join(', ')}, now() - $${Object.keys(columns).length + 1}::interval, now() - $${Object.keys(columns).length + 1}::interval)`, [...Object.values(columns), ago]);
    await sql.run('insert into link (mail_no, no, url) select $1, n - 1, u from unnest($2::text[]) with ordinality x(u, n)', [no, urls]);
    await sql.run(
      `insert into message (mail_no, ordinal, customer_id, connection_no, variant, state, attempt, started_at, ended_at)
       select $1, o, c.id, $2, ${setup.variant ?? 'null'}, 2, 1, now() - $4::interval, now() - $4::interval from unnest($3::text[]) with ordinality u(e, o) join customer c on c.email_key = lower(u.e)`,
      [no, connection!.no, emails, ago]);
    await sql.run(
      `insert into mail_count (mail_no, hour, connection_no, variant, sent) select mail_no, date_trunc('hour', ended_at, 'UTC'), connection_no, coalesce(variant, 0), count(*) from message where mail_no = $1 group by 1, 2, 3, 4`, [no]);
    return { mailNo: no, orgNo: org.no };
  });
  const ids = createTrackingIds(container.secrets);
  return { campaignId, mailNo, connectionId, id: (kind, ordinal, link = 0) => ids.mint({ orgNo, mailNo, ordinal }, [{ kind, link }])[0]! };
}

/** The tracking endpoints alone on a free port. */
export async function listenForTracking(container: TestOrganization['container']): Promise<{ readonly base: string; readonly server: Server }> {
  const server = express().set('trust proxy', 1).use('/api/track', createTrackRouter(container)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return { server, base: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/api/track` };
}
