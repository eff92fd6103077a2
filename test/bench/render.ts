import { compileMail, fieldsOf } from '../../infra/mail/content.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { createSecrets } from '../../infra/secrets.ts';

/**
 * Whole messages a second on one core: 5 kB of HTML with 20 merge tags, a condition, three choices of spintax, and the
 * text made from it, for rows as the ledger's pages bring them. `tracked` adds 5 tracked links and a pixel.
 */
const SECONDS = 5;
const PEOPLE = 5_000;

const tags = [
  'first_name', 'last_name', 'city', 'country', 'score', 'custom.plan', 'custom.product', 'custom.size', 'custom.color', 'custom.store', 'custom.points', 'custom.tier', 'custom.agent', 'custom.code',
  'first_name | default: "friend"', 'city | upcase', 'custom.renewal | date: "%d %b %Y"', 'custom.plan | capitalize', 'last_name | default: "reader"', 'email',
];
const filler = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud. ';
const paragraph = (i: number) => `<p style="margin:0 0 16px">${filler}<b>{{ ${tags[i]!} }}</b></p>`;
const html = `<html><body style="margin:0"><h1>{Hello|Hi|Good day} {{ first_name }}</h1>${tags.map((_, i) => paragraph(i)).join('\n')}
{% if score > 50 %}<p>You are one of our best customers.</p>{% else %}<p>{See|Look} what is new.</p>{% endif %}
${[1, 2, 3, 4, 5].map((n) => `<p>{Read|Learn} more: <a href="https://shop.example/product/${n}">Product ${n}</a></p>`).join('')}<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>`;

const people = Array.from({ length: PEOPLE }, (_, i) => ({
  ordinal: i + 1, customerId: i + 1, email: `user${i}@example.com`, first_name: `First${i}`, last_name: i % 7 === 0 ? null : 'O’Neill', city: ['London', 'Zürich', 'São Paulo', 'New York'][i % 4]!, country: 'GB', score: i % 100, timezone: null,
  custom: { plan: 'premium', product: 'Running shoes & socks', size: '42', color: 'blue', store: 'Main Street 5', points: i, tier: 'gold', agent: 'Ms. Smith', code: `CODE-${i}`, renewal: '2026-05-17' },
}));

const ids = createTrackingIds(createSecrets(Buffer.alloc(32, 7).toString('base64')));
function measure(isTracked: boolean): { rendersPerSecond: number; bytes: number } {
  const mail = compileMail(
    {
      orgNo: 1, orgSlug: 'bench', mailNo: 1, subject: '{Hello|Hi} {{ first_name }}', preheader: 'News for {{ city }}', fromName: 'Shop', fromEmail: 'news@shop.example', replyTo: '', html, text: '',
      tracking: { opens: isTracked, clicks: isTracked }, utm: {}, context: { organization: { name: 'Bench', address: '' }, campaign: { name: 'Bench' }, timezone: 'UTC' },
    },
    { ids, baseUrl: 'http://localhost:3000' },
  );
  const render = (i: number) => {
    const person = people[i % PEOPLE]!;
    return mail.render({ ordinal: person.ordinal, customerId: person.customerId, email: person.email, fields: fieldsOf(person, mail.paths) }, 1_760_000_000_000 + i).bytes.length;
  };
  for (let i = 0; i < 20_000; i += 1) render(i);
  let bytes = 0;
  let count = 0;
  const before = process.cpuUsage();
  const startedAt = performance.now();
  while (performance.now() - startedAt < SECONDS * 1_000) for (let i = 0; i < 500; i += 1, count += 1) bytes += render(count);
  const { user, system } = process.cpuUsage(before);
  // By processor time, all threads together: garbage is collected beside this one.
  return { rendersPerSecond: Math.round(count / ((user + system) / 1_000_000)), bytes: Math.round(bytes / count) };
}

const plain = measure(false);
process.stderr.write(`untracked: ${plain.rendersPerSecond} renders/s, ${plain.bytes} bytes each\n`);
const tracked = measure(true);
process.stderr.write(`tracked: ${tracked.rendersPerSecond} renders/s, ${tracked.bytes} bytes each\n`);
process.stdout.write(`${JSON.stringify({ renders_per_s: tracked.rendersPerSecond, untracked_per_s: plain.rendersPerSecond, html_bytes: Buffer.byteLength(html), message_bytes: tracked.bytes, tags: tags.length + 1 })}\n`, () => process.exit(0));
