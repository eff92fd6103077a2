import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { createCampaignReader } from '../../api/modules/campaigns/reader.ts';
import { createDomainService } from '../../api/modules/domains/service.ts';
import { createSenderDomains } from '../../infra/mail/sender-domain.ts';
import { addConnection, amend, draftCampaign, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** What DNS says about From domains, where it is told: the list of all in use, and the launch of a large campaign. */

let organization: TestOrganization;
let campaign: FaultCampaign;
let smtp: string;
const senderDomains = createSenderDomains({
  txt: async (name) => ({ 'good.example': ['v=spf1 ~all'], '_dmarc.good.example': ['v=DMARC1; p=none'], 'half.example': ['v=spf1 ~all'] })[name] ?? [],
  cname: async () => [],
});
const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));

beforeAll(async () => {
  organization = await createTestOrganization();
  smtp = await addConnection(organization, { port: 25 });
  campaign = await draftCampaign(organization, { people: ['ada@x.example'], delivery: singleDelivery(smtp) });
  await sql("insert into customer (email, email_key) select e, e from generate_series(1, 5000) i, lateral (select 'p' || i || '@x.example' as e) a");
  await sql('insert into list_member (list_id, customer_id) select $1, id from customer on conflict do nothing', [campaign.listId]);
}, 90_000);
afterAll(() => organization.close());

const warnings = async () => {
  const reader = createCampaignReader({ ...organization.container, senderDomains });
  return organization.container.tenants.use(organization.orgId, async (tenant) => (await reader.checks(tenant, await reader.find(tenant, campaign.id))).warnings.filter((one) => one.field === 'fromEmail').map((one) => one.message));
};

test('above 5,000 recipients a launch warns of a From domain without SPF or DMARC', async () => {
  await amend(campaign, { from_email: 'news@HALF.example' });
  expect(await warnings()).toEqual([expect.stringContaining('half.example has no DMARC record')]);
  await amend(campaign, { from_email: 'news@none.example' });
  expect(await warnings()).toEqual([expect.stringContaining('has no SPF record'), expect.stringContaining('has no DMARC record')]);
  await amend(campaign, { from_email: 'news@good.example' });
  expect(await warnings()).toEqual([]);
});

test('up to 5,000, and to the mail catcher, nobody is warned', async () => {
  await amend(campaign, { from_email: 'news@none.example' });
  await sql('delete from list_member where list_id = $1 and customer_id = (select max(id) from customer)', [campaign.listId]);
  expect(await warnings()).toEqual([]);
  await sql('insert into list_member (list_id, customer_id) select $1, max(id) from customer', [campaign.listId]);
  const [catcher] = await sql<{ id: string }>("select id::text from connection where vendor = 'catcher'");
  await amend(campaign, { delivery: JSON.stringify(singleDelivery(catcher!.id)) });
  expect(await warnings()).toEqual([]);
});

test('the domains in use are listed with who uses them, but for those of the mail catcher', async () => {
  await sql("update connection set from_email = 'hello@Good.example', name = 'SES' where id = $1", [smtp]);
  await amend(campaign, { from_email: 'news@half.example', state: 'scheduled', delivery: JSON.stringify(singleDelivery(smtp)), name: 'Spring' });
  const other = randomUUID();
  await sql("insert into connection (id, name, vendor, from_email, enabled) values ($1, 'Off', 'smtp', 'x@off.example', false)", [other]);
  const { data } = await createDomainService({ ...organization.container, senderDomains }).list(organization.orgId);
  expect(data.map(({ domain, usedBy, spf, dmarc }) => [domain, usedBy, spf.state, dmarc.state])).toEqual([['good.example', ['SES'], 'ok', 'ok'], ['half.example', ['Spring'], 'ok', 'missing']]);
});
