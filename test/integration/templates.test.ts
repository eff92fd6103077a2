import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';

/** Saved templates, the gallery, and pictures for mails. */

let api: TestApi;
let member: TestUser;
const stateDir = mkdtempSync(join(tmpdir(), 'fermata-templates-'));

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: stateDir });
  member = await api.signIn('member');
});
afterAll(async () => {
  await api.close();
  rmSync(stateDir, { recursive: true });
});

const png = (filler = 0) => Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d4948445200000280000001e0080600000000000000', 'hex'), Buffer.alloc(filler, 7)]);
const upload = (bytes: Buffer, name = 'shoe.png') => member.request('POST', `/images?name=${encodeURIComponent(name)}`, bytes, { 'content-type': 'image/png' });

describe('templates', () => {
  test('are saved, found, changed and deleted; a stale change and a taken name are refused', async () => {
    const made = await member.post('/templates', { name: 'Spring', description: 'For March', subject: 'Hi', preheader: 'Pre', html: '<p>{{ first_name }}</p>', text: 'T' });
    expect([made.status, made.body]).toEqual([201, expect.objectContaining({ name: 'Spring', html: '<p>{{ first_name }}</p>', text: 'T', version: 1, createdBy: 'Test member' })]);
    expect((await member.post('/templates', { name: 'SPRING' })).body).toMatchObject({ code: 'conflict', errors: [{ field: 'name' }] });
    const other = (await member.post('/templates', { name: 'Autumn' })).body;
    const changed = await member.patch(`/templates/${made.body.id}`, { version: 1, html: '<p>New</p>' });
    expect(changed.body).toMatchObject({ html: '<p>New</p>', subject: 'Hi', version: 2 });
    expect((await member.patch(`/templates/${made.body.id}`, { version: 1, name: 'Late' })).body.code).toBe('conflict');
    expect((await member.patch(`/templates/${other.id}`, { version: 1, name: 'spring' })).body.code).toBe('conflict');
    const list = (await member.get('/templates?count=true')).body;
    expect(list).toMatchObject({ count: 2, data: [{ name: 'Autumn' }, { name: 'Spring', subject: 'Hi', description: 'For March' }] });
    expect(list.data[0]).not.toHaveProperty('html');
    expect((await member.get('/templates?search=hi')).body.data.map((each: { name: string }) => each.name)).toEqual(['Spring']);
    const first = (await member.get('/templates?limit=1')).body;
    expect((await member.get(`/templates?limit=1&cursor=${first.nextCursor}`)).body.data[0].name).toBe('Spring');
    expect((await member.delete(`/templates/${other.id}`)).status).toBe(204);
    expect((await member.get(`/templates/${other.id}`)).status).toBe(404);
  });

  test('the gallery has six that say everything but the words of their user', async () => {
    const { data } = (await member.get('/templates/gallery')).body;
    expect(data.map((each: { key: string }) => each.key)).toEqual(['letter', 'newsletter', 'announcement', 'product-update', 'invitation', 'win-back']);
    const rendered = (await member.post('/render', { subject: data[1].subject, preheader: data[1].preheader, html: data[1].html })).body;
    expect(rendered.problems.filter((problem: { severity: string }) => problem.severity === 'error')).toEqual([]);
  });

  test('a key needs the scope', async () => {
    const key = async (scope: string) => api.client({ authorization: `Bearer ${(await api.services.apiKeys.create(api.orgId, { kind: 'user', id: 'x', name: 'x', email: null }, { name: scope, scopes: [scope] })).key}` });
    expect((await (await key('lists:read')).get('/templates')).status).toBe(403);
    expect((await (await key('templates:read')).get('/templates')).status).toBe(200);
    expect((await (await key('templates:read')).post('/templates', { name: 'By key' })).status).toBe(403);
    expect((await (await key('templates:write')).post('/templates', { name: 'By key' })).status).toBe(201);
  });
});

describe('pictures', () => {
  test('are kept by what they are and served to everybody, for good and as nothing but pictures', async () => {
    const made = await upload(png(1_000), 'Schuhe & Söhne.png');
    expect([made.status, made.body]).toEqual([201, expect.objectContaining({ name: 'Schuhe & Söhne.png', type: 'image/png', width: 640, height: 480 })]);
    const path = new URL(made.body.url).pathname;
    const answer = await fetch(api.baseUrl + path);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(['content-type', 'cache-control', 'x-content-type-options', 'content-security-policy', 'cross-origin-resource-policy', 'set-cookie'].map((name) => [name, answer.headers.get(name)]))).toEqual({
      'content-type': 'image/png', 'cache-control': 'public, max-age=31536000, immutable', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; sandbox", 'cross-origin-resource-policy': 'cross-origin', 'set-cookie': null,
    });
    expect((await answer.arrayBuffer()).byteLength).toBe(made.body.sizeBytes);
    expect((await fetch(api.baseUrl + path, { headers: { 'If-None-Match': answer.headers.get('etag') ?? '' } })).status).toBe(304);
    expect((await fetch(api.baseUrl + path, { method: 'HEAD' })).headers.get('content-length')).toBe(String(made.body.sizeBytes));
    expect((await member.get('/images?search=söhne')).body.data).toEqual([made.body]);
  });

  test('an address that was altered, guessed or made for something else shows nothing', async () => {
    const id = new URL((await upload(png())).body.url).pathname.split('/').at(-1)!;
    const orgNo = await api.container.tenants.use(api.orgId, ({ org }) => Promise.resolve(org.no));
    const [open = '', unknown = '', foreign = ''] = [
      ...createTrackingIds(api.container.secrets).mint({ orgNo, mailNo: 0, ordinal: 1 }, [{ kind: 'open', link: 0 }]),
      ...createTrackingIds(api.container.secrets).mint({ orgNo, mailNo: 0, ordinal: 999_999 }, [{ kind: 'image', link: 0 }]),
      ...createTrackingIds(api.container.secrets).mint({ orgNo: 999_999, mailNo: 0, ordinal: 1 }, [{ kind: 'image', link: 0 }]),
    ];
    for (const each of [`${id.slice(0, -1)}${id.endsWith('A') ? 'Q' : 'A'}`, open, unknown, foreign, '1', '..%2f..%2fetc%2fpasswd']) expect((await fetch(`${api.baseUrl}/api/track/images/${each}`)).status, each).toBe(404);
  });

  test.each([['HTML', '<html><script>alert(1)</script>'], ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>'], ['nothing', '']])('%s is refused, whatever it says it is', async (_, body) => {
    const before = readdirSync(join(stateDir, 'images', api.orgId)).length;
    const reply = await member.request('POST', '/images', body, { 'content-type': 'image/png' });
    expect([reply.status, reply.body.errors]).toEqual([422, [{ field: 'file', message: 'This is no picture that mail programs show. Upload a PNG, JPEG, GIF or WebP file.' }]]);
    expect(readdirSync(join(stateDir, 'images', api.orgId))).toHaveLength(before);
  });

  test('above 5 MB they are refused', async () => {
    const reply = await upload(png(5 * 1_048_576));
    expect([reply.status, reply.body.code]).toEqual([413, 'too_large']);
  });

  test('one that is in use stays; of finished campaigns it may go', async () => {
    const image = (await upload(png())).body;
    const campaign = (await member.post('/campaigns', { name: 'With picture' })).body;
    await member.patch(`/campaigns/${campaign.id}`, { html: `<img src="${image.url}" alt="">` });
    const template = (await member.post('/templates', { name: 'Framed', html: `<img src="${image.url}" alt="">` })).body;
    expect((await member.delete(`/images/${image.id}`)).body.detail).toBe('This picture is in use and cannot be deleted. Used by: campaign “With picture”, template “Framed”.');
    await member.delete(`/templates/${template.id}`);
    await api.container.tenants.use(api.orgId, ({ sql }) => sql.run("update campaign set state = 'completed' where id = $1", [campaign.id]));
    expect((await member.delete(`/images/${image.id}`)).status).toBe(204);
    expect((await fetch(api.baseUrl + new URL(image.url).pathname)).status).toBe(404);
    expect(readdirSync(join(stateDir, 'images', api.orgId))).not.toContain(image.id);
  });
});
