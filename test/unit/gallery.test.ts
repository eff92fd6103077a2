import { expect, test } from 'vitest';
import { checkMail, sayProblem } from '#domain/content/check.ts';
import { gallery } from '../../api/modules/templates/gallery/index.ts';
import { sniffImage } from '../../infra/images/sniff.ts';
import { show } from '../support/content.ts';

test('there are the six', () => {
  expect(gallery.map((template) => template.name)).toEqual(['Letter', 'Newsletter', 'Announcement', 'Product update', 'Invitation', 'Win-back']);
});

test.each(gallery.map((template) => ({ ...template })))('$name has nothing against it but that its links lead nowhere yet', ({ subject, preheader, html }) => {
  const { errors, warnings } = checkMail({ subject, preheader, html, text: '', fromName: '' }, { customKeys: new Set(), at: 'launch' });
  expect(errors.map(sayProblem)).toEqual([]);
  expect(warnings.map(sayProblem).filter((message) => !message.includes('still leads to https://example.com/'))).toEqual([]);
  expect(warnings.length).toBeGreaterThan(0);
});

test.each(gallery.map((template) => ({ ...template })))('$name reads well as text, for people of whom nothing is known', ({ subject, preheader, html }) => {
  const shown = show({ subject, preheader, html, context: { organization: { name: 'Acme', address: '' }, campaign: { name: 'x' }, timezone: 'UTC' } });
  expect(shown.text).toContain('Unsubscribe (https://app.example/api/track/unsubscribe/');
  for (const part of [shown.subject, shown.text, shown.html.replace(/<style>[\s\S]*<\/style>/, '')]) expect(part).not.toMatch(/[{}]|undefined|null|, ,|Acme, *</);
  expect(shown.text).not.toMatch(/\n{3}| {2}/);
});

test.each([
  ['PNG', `89504e470d0a1a0a0000000d49484452${'00000280'}${'000001e0'}0806000000${'00'.repeat(4)}`, { type: 'image/png', width: 640, height: 480 }],
  ['GIF', `474946383961${'8002'}${'e001'}800000${'00'.repeat(4)}`, { type: 'image/gif', width: 640, height: 480 }],
  ['JPEG', `ffd8ffe000104a46494600010100000100010000ffc0001108${'01e0'}${'0280'}03${'00'.repeat(12)}`, { type: 'image/jpeg', width: 640, height: 480 }],
  ['WebP, extended', `52494646000000005745425056503858${'0a000000'}${'00000000'}${'7f0200'}${'df0100'}`, { type: 'image/webp', width: 640, height: 480 }],
  ['WebP, lossless', `5249464600000000574542505650384c${'00000000'}2f${'7fc27700'}${'00'.repeat(9)}`, { type: 'image/webp', width: 640, height: 480 }],
  ['WebP, lossy', `52494646000000005745425056503820${'00000000'}000000${'9d012a'}${'8002'}${'e001'}${'00'.repeat(2)}`, { type: 'image/webp', width: 640, height: 480 }],
  ['a picture of nothing', `89504e470d0a1a0a0000000d4948445200000000000001e00806000000${'00'.repeat(4)}`, null],
  ['a picture of a wall', `89504e470d0a1a0a0000000d494844527fffffff7fffffff0806000000${'00'.repeat(4)}`, null],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>').toString('hex'), null],
  ['HTML', Buffer.from('<!doctype html><script>alert(1)</script>').toString('hex'), null],
  ['a JPEG that ends', 'ffd8ffe0ffff', null],
  ['nothing', '', null],
])('%s is known by its bytes', (_, hex, expected) => {
  expect(sniffImage(Buffer.from(hex, 'hex'))).toEqual(expected);
});
