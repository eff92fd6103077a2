import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { createCampaignReader } from '../../api/modules/campaigns/reader.ts';
import { createCampaignService } from '../../api/modules/campaigns/service.ts';
import { createConnectionService, type ConnectionService } from '../../api/modules/connections/service.ts';
import { loadConnection } from '../../infra/mail/source.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

let organization: TestOrganization;
let connections: ConnectionService;
let org: string;

beforeAll(async () => {
  organization = await createTestOrganization();
  connections = createConnectionService(organization.container);
  org = organization.orgId;
});
afterAll(() => organization.close());

const smtp = (name: string, edit: object = {}) => connections.create(org, 'smtp', { name, host: 'smtp.example', port: 587, secure: 'starttls', username: 'me', ...edit });
const secretOf = (id: string) => organization.container.tenants.use(org, async (tenant) => (await loadConnection(tenant, organization.container.secrets, id))?.settings.secret ?? null);

test('what was created is what is read, the password left out', async () => {
  const made = await smtp('Made', { password: 'hidden', fromEmail: 'news@shop.example' });
  expect(made).toMatchObject({
    vendor: 'smtp', host: 'smtp.example', port: 587, secure: 'starttls', username: 'me', passwordSet: true, fromEmail: 'news@shop.example', fromName: null,
    parallel: 20, enabled: true, health: 'unknown', healthReason: null, usedBy: 0, version: 1,
  });
  expect(await connections.get(org, made.id)).toEqual(made);
  expect(JSON.stringify(made)).not.toContain('hidden');
  expect(await secretOf(made.id)).toEqual({ password: 'hidden' });
});

test('an edit changes what it names; an empty value takes away, an unnamed one stays', async () => {
  const made = await smtp('Edited', { password: 'hidden', fromEmail: 'news@shop.example', fromName: 'Shop', parallel: 5 });
  const moved = await connections.edit(org, made.id, { version: 1, host: 'mail.example', port: null, fromName: null });
  expect(moved).toMatchObject({ host: 'mail.example', port: 587, username: 'me', passwordSet: true, fromEmail: 'news@shop.example', fromName: null, parallel: 5, version: 2 });
  expect(await secretOf(made.id)).toEqual({ password: 'hidden' });
  expect(await connections.edit(org, made.id, { password: '' })).toMatchObject({ passwordSet: false, host: 'mail.example', version: 3 });
  expect(await secretOf(made.id)).toBeNull();
});

test('a test tells the health without a new version, and an edit of where it leads makes it unknown again', async () => {
  const made = await smtp('Tested', { host: '127.0.0.1', port: 9, secure: 'none' });
  expect((await connections.test(org, made.id, 'ada@x.example')).ok).toBe(false);
  expect(await connections.get(org, made.id)).toMatchObject({ health: 'broken', healthReason: expect.stringContaining('refused'), version: 1, updatedAt: made.updatedAt });
  expect(await connections.edit(org, made.id, { version: 1, fromName: 'Shop' })).toMatchObject({ health: 'broken', version: 2 });
  expect(await connections.edit(org, made.id, { port: 10 })).toMatchObject({ health: 'unknown', healthReason: null, version: 3 });
});

test('of two who edit the same version one is refused; without a version both changes are kept', async () => {
  const made = await smtp('Contested');
  const both = await Promise.allSettled(['a.example', 'b.example'].map((host) => connections.edit(org, made.id, { version: 1, host })));
  expect(both.map((edit) => edit.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(both.find((edit) => edit.status === 'rejected')?.reason).toMatchObject({ code: 'conflict', message: expect.stringContaining('Load it again') });
  await Promise.all([connections.edit(org, made.id, { username: 'ada' }), connections.edit(org, made.id, { port: 2525 }), connections.edit(org, made.id, { fromName: 'Shop' })]);
  expect(await connections.get(org, made.id)).toMatchObject({ username: 'ada', port: 2525, fromName: 'Shop', version: 5 });
});

test('a taken name is refused by its field, in any case, and nothing else of the edit is kept', async () => {
  await smtp('Taken');
  const other = await smtp('Other');
  const refused = { code: 'conflict', fields: [{ field: 'name', message: 'There is a connection of this name already. Choose another name.' }] };
  await expect(smtp('TAKEN')).rejects.toMatchObject(refused);
  await expect(connections.edit(org, other.id, { name: 'taken', host: 'else.example' })).rejects.toMatchObject(refused);
  expect(await connections.get(org, other.id)).toEqual(other);
});

test('a connection that campaigns and forms use stays and says by what, an unused one goes, an unknown one is not found', async () => {
  const campaigns = createCampaignService(organization.container, createCampaignReader(organization.container), { command: () => Promise.reject(new Error('no campaign is scheduled here')) });
  const sql = (text: string, values: unknown[]) => organization.container.tenants.use(org, ({ sql }) => sql.run(text, values));
  const used = await smtp('Used');
  const [draft, archived] = [await campaigns.create(org, 'owner', 'Ada', 'Over it'), await campaigns.create(org, 'owner', 'Ada', 'Long ago')];
  for (const { id } of [draft, archived]) await campaigns.edit(org, 'owner', id, { delivery: singleDelivery(used.id) });
  await sql(`update campaign set state = 'completed', archived_at = now() where id = $1`, [archived.id]);
  await sql(`insert into sign_up_form (id, name, title, confirm_subject, confirm_text, connection_id) values ($1, 'Footer', '', '', '', $2)`, [randomUUID(), used.id]);
  expect((await connections.get(org, used.id)).usedBy).toBe(1);
  await expect(connections.remove(org, used.id)).rejects.toMatchObject({ code: 'conflict', message: 'This connection is in use and cannot be deleted. Used by: campaign “Long ago”, campaign “Over it”, form “Footer”. Disable it instead.' });
  await campaigns.remove(org, draft.id);
  await sql('delete from campaign where id = $1', [archived.id]);
  await sql('delete from sign_up_form where connection_id = $1', [used.id]);
  await connections.remove(org, used.id);
  for (const ask of [() => connections.get(org, used.id), () => connections.edit(org, used.id, { name: 'Gone' }), () => connections.remove(org, used.id)]) await expect(ask()).rejects.toMatchObject({ code: 'not_found' });
});

test('a connection that stood in for another stays: mail waits for it, or a report names it', async () => {
  const campaigns = createCampaignService(organization.container, createCampaignReader(organization.container), { command: () => Promise.reject(new Error('no campaign is scheduled here')) });
  const sql = (text: string, values: unknown[]) => organization.container.tenants.use(org, ({ sql }) => sql.run(text, values));
  const heir = await smtp('Heir');
  const campaign = await campaigns.create(org, 'owner', 'Ada', 'Moved');
  const inUse = { code: 'conflict', message: 'This connection is in use and cannot be deleted. Used by: campaign “Moved”. Disable it instead.' };
  await sql(`insert into slice (mail_no, phase, connection_no, first_ordinal, last_ordinal, next_ordinal) select c.mail_no, 'main', n.no, 1, 9, 1 from campaign c, connection n where c.id = $1 and n.id = $2`, [campaign.id, heir.id]);
  await expect(connections.remove(org, heir.id)).rejects.toMatchObject(inUse);
  await sql(`with walked as (delete from slice using campaign c where slice.mail_no = c.mail_no and c.id = $1 returning slice.mail_no, connection_no)
    insert into mail_count (mail_no, hour, connection_no, sent) select mail_no, now(), connection_no, 9 from walked`, [campaign.id]);
  await expect(connections.remove(org, heir.id)).rejects.toMatchObject(inUse);
  await campaigns.remove(org, campaign.id);
  await connections.remove(org, heir.id);
});

test('the pages of the list hold everyone once, by name in any case', async () => {
  for (const name of ['İstanbul', 'istanbul relay', 'Zürich', 'ärger', 'Ärger 2', 'alpha', 'Beta']) await smtp(name);
  const whole = await connections.list(org, { limit: 200, count: true });
  expect(whole).toMatchObject({ count: whole.data.length });
  const paged: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await connections.list(org, { limit: 1, ...(cursor === undefined || cursor === null ? {} : { cursor }) });
    paged.push(...page.data.map((row) => row.name));
    cursor = page.nextCursor;
  } while (cursor !== null);
  expect(paged).toEqual(whole.data.map((row) => row.name));
});
