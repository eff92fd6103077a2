import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';

let api: TestApi;
let member: TestUser;
let listIds: string[];
const customers: Record<string, number> = {};
const sql = <R extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, (tenant) => tenant.sql.rows<R>(text, values));

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  listIds = [];
  for (const name of ['One', 'Two', 'Out']) listIds.push((await member.post('/lists', { name })).body.id);
  const [one, two, out] = listIds as [string, string, string];
  const people: Record<string, string[]> = { ada: [one, two], bob: [one], cat: [two, out], dan: [one], eve: [one], fay: [two] };
  for (const [name, lists] of Object.entries(people)) customers[name] = (await member.post('/customers', { email: `${name}@x.example`, firstName: name, listIds: lists })).body.id;
  await member.post('/suppressions', { email: 'dan@x.example' });
  await member.post('/suppressions', { email: 'eve@x.example', reason: 'unsubscribed' });
}, 60_000);
afterAll(() => api.close());

async function draft(): Promise<string> {
  const campaign = (await member.post('/campaigns', { name: 'Spring' })).body;
  await member.patch(`/campaigns/${campaign.id}`, { targets: listIds.map((id, i) => ({ kind: 'list', id, mode: i === 2 ? 'exclude' : 'include' })) });
  return campaign.id;
}

test('the waterfall of lists counts each target, and shows people of every line', async () => {
  const id = await draft();
  const { body } = await member.get(`/campaigns/${id}/estimate`);
  expect(body).toEqual({ included: 7, duplicates: 1, excluded: 1, suppressed: 1, unsubscribed: 1, bounced: 0, final: 3, targets: [4, 3, 1], capped: 0 });
  const of = async (line: string) => (await member.get(`/campaigns/${id}/estimate/examples?line=${line}`)).body.data.map((person: { email: string }) => person.email.split('@')[0]);
  expect(await of('included')).toEqual(['fay', 'eve', 'dan', 'cat', 'bob', 'ada']);
  expect(await of('duplicates')).toEqual(['ada']);
  expect(await of('excluded')).toEqual(['cat']);
  expect(await of('suppressed')).toEqual(['dan']);
  expect(await of('unsubscribed')).toEqual(['eve']);
  expect(await of('bounced')).toEqual([]);
  expect(await of('final')).toEqual(['fay', 'bob', 'ada']);
  expect((await member.get(`/campaigns/${id}/estimate/examples?line=everybody`)).body.errors[0].field).toBe('line');
});

test('it says how many the frequency cap would hold back now', async () => {
  const id = await draft();
  await sql('update sending_setting set cap_mails = 1, cap_days = 7');
  const [mail] = await sql<{ no: number }>("insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no");
  await sql(`insert into message (mail_no, ordinal, customer_id, state, started_at) values ($1, 1, $2, 2, now() - interval '2 days'), ($1, 2, $3, 2, now() - interval '9 days'), ($1, 3, $4, 2, now())`,
    [mail!.no, customers['ada'], customers['bob'], customers['dan']]);
  await sql("insert into mail_count (mail_no, hour, sent) values ($1, date_trunc('hour', now()), 3)", [mail!.no]);
  expect((await member.get(`/campaigns/${id}/estimate`)).body).toMatchObject({ final: 3, capped: 1 });
  await sql('update sending_setting set cap_mails = null, cap_days = null');
  expect((await member.get(`/campaigns/${id}/estimate`)).body).toMatchObject({ final: 3, capped: 0 });
});

test('without a target to include nobody is meant', async () => {
  const campaign = (await member.post('/campaigns', { name: 'Empty' })).body;
  expect((await member.get(`/campaigns/${campaign.id}/estimate`)).body).toMatchObject({ included: 0, final: 0, targets: [], capped: 0 });
});
