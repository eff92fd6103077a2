/** People and mail of the demo: the same at every run, all addresses under example domains. */

const firstNames = ['Ada', 'Amir', 'Bea', 'Carlos', 'Chen', 'Dina', 'Emeka', 'Elif', 'Freya', 'Goran', 'Hana', 'Ivo', 'Jana', 'Kofi', 'Lena', 'Mateo', 'Nora', 'Omar', 'Priya', 'Rosa', 'Sven', 'Tara', 'Umut', 'Vera', 'Wei', 'Yara', 'Zoë'];
const lastNames = ['Adams', 'Berg', 'Costa', 'Dubois', 'Eriksen', 'Ferrari', 'García', 'Haddad', 'Ito', 'Jansen', 'Kowalski', 'López', 'Müller', 'Novak', 'Okafor', 'Patel', 'Quinn', 'Rossi', 'Silva', 'Tanaka', 'Ueda', 'Vidal', 'Weber', 'Young'];
const cities: readonly (readonly [string, string, string])[] = [
  ['London', 'GB', 'Europe/London'], ['Manchester', 'GB', 'Europe/London'], ['Berlin', 'DE', 'Europe/Berlin'], ['Paris', 'FR', 'Europe/Paris'],
  ['New York', 'US', 'America/New_York'], ['Chicago', 'US', 'America/Chicago'], ['Tokyo', 'JP', 'Asia/Tokyo'], ['Lisbon', 'PT', 'Europe/Lisbon'],
];
const plans = ['free', 'free', 'basic', 'premium'];

/** CSV of people `from` to `to` with standard and custom fields. */
export function demoCsv(from: number, to: number): string {
  const lines = ['email,first_name,last_name,city,country,timezone,score,plan_type,signup_date,lifetime_value'];
  for (let i = from; i < to; i += 1) {
    const first = firstNames[(i * 7) % firstNames.length] ?? '';
    const last = lastNames[(i * 11) % lastNames.length] ?? '';
    const [city, country, zone] = cities[(i * 13 + (i >> 3)) % cities.length] ?? ['', '', ''];
    const day = new Date(Date.UTC(2024, 0, 1) + ((i * 37) % 900) * 86_400_000).toISOString().slice(0, 10);
    lines.push([`customer${i}@shop.example`, first, last, city, country, zone, (i * 17) % 100, plans[(i * 5 + (i >> 4)) % plans.length], day, ((i * 97) % 50_000) / 100].join(','));
  }
  return `${lines.join('\n')}\n`;
}

export const demoHtml = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>The November roast</title>
</head>
<body style="margin:0;background:#f4f1ec;font-family:Helvetica,Arial,sans-serif;color:#2b2420">
  <table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:32px 16px">
    <table role="presentation" width="560" cellpadding="0" cellspacing="0" style="max-width:560px;background:#ffffff;border-radius:12px">
      <tr><td style="padding:32px 32px 8px"><p style="margin:0;font-size:13px;letter-spacing:2px;color:#9a6b3f">HARBOUR COFFEE</p>
        <h1 style="margin:12px 0 0;font-size:28px;line-height:1.25">Good morning, {{first_name | default: "coffee lover"}}</h1></td></tr>
      <tr><td style="padding:8px 32px;font-size:16px;line-height:1.6">
        <p>Three new farms, one old friend: the November roast tastes of plum, cocoa and a little orange. It ships to {{city | default: "your town"}} this week.</p>
        <p><a href="https://harbour.example/november" style="display:inline-block;background:#9a4f1d;color:#ffffff;text-decoration:none;padding:12px 20px;border-radius:8px">Taste it first</a></p>
        <p>Or read <a href="https://harbour.example/farms" style="color:#9a4f1d">how the farms work</a>, and <a href="https://harbour.example/brewing" style="color:#9a4f1d">how to brew it</a>.</p></td></tr>
      <tr><td style="padding:16px 32px 32px;font-size:12px;color:#6f655d">You get this because you asked for our letters. <a href="{{unsubscribe_url}}" style="color:#6f655d">Unsubscribe</a></td></tr>
    </table></td></tr></table>
</body>
</html>
`;

export const demoText = `Good morning, {{first_name | default: "coffee lover"}}

Three new farms, one old friend: the November roast tastes of plum, cocoa and a little orange.

Taste it first: https://harbour.example/november

Unsubscribe: {{unsubscribe_url}}
`;

/** A number in [0, 1) that is the same at every run. */
export function seeded(index: number, salt: number): number {
  const x = Math.sin(index * 12.9898 + salt * 78.233) * 43_758.5453;
  return x - Math.floor(x);
}
