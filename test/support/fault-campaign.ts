import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleDelivery, type Delivery } from '#domain/campaign/delivery.ts';
import type { CampaignState } from '#domain/campaign/status.ts';
import { secretPlace } from '../../infra/mail/source.ts';
import { TEST_HTML } from './campaign.ts';
import type { TestOrganization } from './organization.ts';
import type { SinkRow, SmtpSink } from './smtp-sink.ts';

/** A campaign whose people say what the scripted server does with them. */
export interface FaultCampaign {
  readonly organization: TestOrganization;
  readonly id: string;
  readonly mailNo: number;
  readonly listId: string;
  /** Envelope sender: no other campaign has it, so the server's log tells them apart. */
  readonly sender: string;
  readonly people: readonly string[];
  readonly delivery: Delivery;
}

export interface FaultCampaignSetup {
  readonly people: readonly string[];
  readonly delivery: Delivery;
  readonly html?: string;
  readonly text?: string;
  readonly subject?: string;
  /** Include this segment instead of the list. */
  readonly segmentId?: string;
}

export interface ConnectionSetup {
  readonly port: number;
  readonly parallel?: number;
  readonly secure?: 'none' | 'starttls';
  readonly password?: string;
  readonly limits?: Readonly<Record<string, number>>;
}

/** Addresses by what happens to them: `{ ok: 2, rcpt550: 1 }` are `ok.a1@…`, `ok.a2@…` and `rcpt550.a1@…`. */
export function peopleOf(counts: Readonly<Record<string, number>>, label: string): string[] {
  return Object.entries(counts).flatMap(([script, count]) => Array.from({ length: count }, (_, i) => `${script}.${label}${i + 1}@example.com`));
}

/** A connection to a server on this machine. @returns its id */
export async function addConnection({ orgId, container }: TestOrganization, setup: ConnectionSetup): Promise<string> {
  const id = randomUUID();
  const { port, parallel = 8, secure = 'none', password, limits = {} } = setup;
  const secret = password === undefined ? null : container.secrets.seal(JSON.stringify({ password }), secretPlace(orgId, id));
  const settings = { host: '127.0.0.1', port, secure, username: password === undefined ? '' : 'shop' };
  await container.tenants.use(orgId, ({ sql }) =>
    sql.run("insert into connection (id, name, vendor, settings, secret, parallel, limits) values ($1, $2, 'smtp', $3, $4, $5, $6)", [id, `Server ${id}`, JSON.stringify(settings), secret, parallel, JSON.stringify(limits)]));
  return id;
}

/** A draft with its people in a list of their own; over one connection unless the delivery says otherwise. */
export async function draftCampaign(organization: TestOrganization, setup: FaultCampaignSetup): Promise<FaultCampaign> {
  const { orgId, container } = organization;
  const [id, listId] = [randomUUID(), randomUUID()];
  return container.tenants.use(orgId, ({ sql }) =>
    sql.transaction(async (tx) => {
      await tx.run('insert into list (id, name) values ($1, $2)', [listId, `List ${listId}`]);
      await tx.run("insert into customer (email, email_key, first_name, city) select e, lower(e), 'Ada', 'London' from unnest($1::text[]) e on conflict (email_key) do nothing", [setup.people]);
      await tx.run('insert into list_member (list_id, customer_id) select $1, id from customer where email = any($2::text[])', [listId, setup.people]);
      const mail = await tx.first<{ no: number }>("insert into mail (kind, ref_id) values ('campaign', $1) returning no", [id]);
      const mailNo = mail?.no ?? 0;
      const sender = `m${mailNo}.${orgId.slice(0, 8)}@shop.example`;
      const target = setup.segmentId === undefined ? { kind: 'list', id: listId, mode: 'include' } : { kind: 'segment', id: setup.segmentId, mode: 'include' };
      await tx.run(
        `insert into campaign (id, mail_no, name, subject, from_name, from_email, html, text, targets, delivery, created_by) values ($1, $2, $3, $4, 'Shop', $5, $6, $7, $8, $9, 'test')`,
        [id, mailNo, `Spring ${mailNo}`, setup.subject ?? 'Hello {{ first_name }}', sender, setup.html ?? TEST_HTML, setup.text ?? 'Leave: {{ unsubscribe_url }}', JSON.stringify([target]), JSON.stringify(setup.delivery)],
      );
      return { organization, id, mailNo, listId, sender, people: setup.people, delivery: setup.delivery };
    }));
}

/** Launches as the API does once it has checked everything: the row first, then the workflow. */
export async function launch(campaign: FaultCampaign): Promise<void> {
  const { orgId, container } = campaign.organization;
  await container.tenants.use(orgId, ({ sql }) => sql.run("update campaign set state = 'running', phase = 'resolving', launched_at = now(), version = version + 1, updated_at = now() where id = $1 and state = 'draft'", [campaign.id]));
  await container.gateway.startCampaign({ orgId, campaignId: campaign.id, mailNo: campaign.mailNo });
}

/** Asks the campaign's workflow, as the API does. */
export async function command({ organization: { orgId, container }, id, mailNo }: FaultCampaign, name: 'pause' | 'resume' | 'cancel'): Promise<void> {
  await container.gateway.commandCampaign({ orgId, campaignId: id, mailNo }, name);
}

/** A launched campaign over one connection to one server. */
export async function launchOver(organization: TestOrganization, people: readonly string[], connection: ConnectionSetup): Promise<FaultCampaign> {
  const campaign = await draftCampaign(organization, { people, delivery: singleDelivery(await addConnection(organization, connection)) });
  await launch(campaign);
  return campaign;
}

export interface Standing {
  readonly state: CampaignState;
  readonly phase: string | null;
  readonly reason: string | null;
  /** By the counters. */
  readonly ended: number;
}

export async function standingOf({ organization: { orgId, container }, id }: FaultCampaign): Promise<Standing> {
  const row = await container.tenants.use(orgId, ({ sql }) =>
    sql.first<Standing>('select c.state, c.phase, c.reason, coalesce(sum(n.sent + n.failed + n.skipped + n.in_doubt), 0)::int as ended from campaign c left join mail_count n on n.mail_no = c.mail_no where c.id = $1 group by c.id', [id]));
  if (row === undefined) throw new Error('the campaign is gone');
  return row;
}

/**
 * Waits for a standing of the campaign; services may be away meanwhile.
 * @throws Error with the last standing when the time is over
 */
export async function untilStanding(campaign: FaultCampaign, isThere: (standing: Standing) => boolean, withinMs: number): Promise<Standing> {
  const deadline = Date.now() + withinMs;
  let seen: Standing | undefined;
  let problem: unknown;
  do {
    try {
      seen = await standingOf(campaign);
      if (isThere(seen)) return seen;
    } catch (error) {
      problem = error;
    }
    await sleep(50);
  } while (Date.now() < deadline);
  throw new Error(`after ${withinMs / 1_000} s the campaign ${campaign.mailNo} stood at ${JSON.stringify(seen)}`, { cause: problem });
}

export const untilState = (campaign: FaultCampaign, state: CampaignState, withinMs: number): Promise<Standing> => untilStanding(campaign, (standing) => standing.state === state, withinMs);

/** Writes columns of a campaign's row, as SQL takes them: an A/B test, a schedule, a state. */
export async function amend({ organization: { orgId, container }, id }: FaultCampaign, columns: Readonly<Record<string, unknown>>): Promise<void> {
  const names = Object.keys(columns);
  await container.tenants.use(orgId, ({ sql }) => sql.run(`update campaign set ${names.map((name, i) => `${name} = $${i + 2}`).join(', ')} where id = $1`, [id, ...Object.values(columns)]));
}

export const sentOver = async (sink: Pick<SmtpSink, 'rows'>, campaign: FaultCampaign): Promise<SinkRow[]> => (await sink.rows()).filter((row) => row.sender === campaign.sender);
