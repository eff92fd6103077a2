/**
 * Mails of ready journeys: short letters of one column that fit any phone, with colours of their own in the dark, tables and
 * inline styles because mail programs know little else. People go on editing them.
 */

const FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

export interface Letter {
  readonly subject: string;
  readonly preheader: string;
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly button?: { readonly label: string; readonly url: string };
  /** Below the button, small. */
  readonly aside?: string;
}

/** The config of a send step that says this; sender address and connection are for people to choose. */
export function letterConfig({ subject, preheader, ...body }: Letter): Readonly<Record<string, unknown>> {
  return { subject, preheader, fromName: '{{ organization.name }}', fromEmail: '', replyTo: '', html: html(body), text: '', trackOpens: true, trackClicks: true, utm: {} };
}

function html({ title, paragraphs, button, aside }: Omit<Letter, 'subject' | 'preheader'>): string {
  const rows = [
    row('32px 40px 0', `<span class="ink" style="font:700 17px/24px ${FONT};color:#111827;">{{ organization.name }}</span>`),
    row('24px 40px 0', `<h1 class="ink" style="margin:0;font:700 28px/36px ${FONT};color:#111827;">${title}</h1>`),
    row('16px 40px 0', paragraphs.map((words) => `<p class="ink" style="margin:0 0 16px;font:400 16px/26px ${FONT};color:#27303f;">${words}</p>`).join('\n            ')),
    ...(button === undefined ? [] : [row('8px 40px 0', `<a href="${button.url}" style="display:inline-block;padding:14px 28px;background:#4338ca;border-radius:8px;font:600 16px/20px ${FONT};color:#ffffff;text-decoration:none;">${button.label}</a>`)]),
    ...(aside === undefined ? [] : [row('24px 40px 0', `<p class="soft" style="margin:0;font:400 14px/22px ${FONT};color:#5b616e;">${aside}</p>`)]),
    row('0 40px 24px', '&nbsp;'),
  ];
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{{ organization.name }}</title>
  <style>
    @media (max-width: 620px) { .card { width: 100% !important; } .pad { padding-left: 24px !important; padding-right: 24px !important; } }
    @media (prefers-color-scheme: dark) { .page { background: #101114 !important; } .card { background: #1a1c20 !important; } .ink { color: #f2f3f5 !important; } .soft { color: #b4b8c1 !important; } }
  </style>
</head>
<body class="page" style="margin:0;padding:0;background:#f3f4f6;">
  <table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" bgcolor="#f3f4f6" style="background:#f3f4f6;">
    <tr>
      <td align="center" style="padding:32px 12px;">
        <table role="presentation" class="card" width="600" cellpadding="0" cellspacing="0" bgcolor="#ffffff" style="width:600px;max-width:600px;background:#ffffff;border-radius:12px;">
${rows.join('\n')}
        </table>
        <p class="soft" style="margin:24px 0 0;font:400 13px/20px ${FONT};color:#5b616e;">
          You get this mail because you signed up with {{ organization.name }}.<br>
          {% if organization.address %}{{ organization.name }}, {{ organization.address }}<br>{% endif %}
          <a class="soft" href="{{ unsubscribe_url }}" style="color:#5b616e;">Unsubscribe</a> &nbsp;·&nbsp;
          <a class="soft" href="{{ web_version_url }}" style="color:#5b616e;">View in browser</a>
        </p>
      </td>
    </tr>
  </table>
</body>
</html>
`;
}

function row(padding: string, content: string): string {
  return `          <tr>
            <td class="pad" style="padding:${padding};">
            ${content}
            </td>
          </tr>`;
}
