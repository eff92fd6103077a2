/**
 * What every ready-made mail is built from: tables and inline styles, because mail programs know little else; one column of
 * 600 px that fits any phone; colours of their own in the dark. People go on editing what comes out, so it is laid out to be read.
 */

export const FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

const STYLE = `
    body { margin: 0; padding: 0; width: 100%; -webkit-text-size-adjust: 100%; }
    table { border-collapse: separate; border-spacing: 0; }
    img { border: 0; display: block; max-width: 100%; height: auto; }
    @media (max-width: 620px) {
      .card { width: 100% !important; }
      .pad { padding-left: 24px !important; padding-right: 24px !important; }
      .column { display: block !important; width: 100% !important; padding: 0 0 24px !important; box-sizing: border-box; }
      .title { font-size: 26px !important; line-height: 32px !important; }
    }
    @media (prefers-color-scheme: dark) {
      .page { background: #101114 !important; }
      .card { background: #1a1c20 !important; }
      .tint { background: #25282e !important; }
      .ink { color: #f2f3f5 !important; }
      .soft { color: #b4b8c1 !important; }
      .link { color: #a5b4fc !important; }
      .rule { border-color: #363a42 !important; }
    }
    [data-ogsb] .card { background: #1a1c20 !important; }
    [data-ogsc] .ink { color: #f2f3f5 !important; }
    [data-ogsc] .soft { color: #b4b8c1 !important; }
  `;

/** A whole mail around rows of its card. */
export function frame(rows: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="supported-color-schemes" content="light dark">
  <meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
  <title>{{ organization.name }}</title>
  <style>${STYLE}</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f3f4f6;">
  <table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" bgcolor="#f3f4f6" style="background:#f3f4f6;">
    <tr>
      <td align="center" style="padding:32px 12px;">
        <table role="presentation" class="card" width="600" cellpadding="0" cellspacing="0" bgcolor="#ffffff" style="width:600px;max-width:600px;background:#ffffff;border-radius:12px;">
${rows.trim().split('\n').map((line) => `          ${line}`.trimEnd()).join('\n')}
        </table>
        ${footer.trim().split('\n').join('\n        ')}
      </td>
    </tr>
  </table>
</body>
</html>
`;
}

const footer = `
<table role="presentation" class="card-foot" width="600" cellpadding="0" cellspacing="0" style="width:100%;max-width:600px;">
  <tr>
    <td class="soft pad" align="center" style="padding:24px 40px;font:400 13px/20px ${FONT};color:#5b616e;">
      You get this mail because you signed up with {{ organization.name }}.<br>
      {% if organization.address %}{{ organization.name }}, {{ organization.address }}<br>{% endif %}
      <a class="soft" href="{{ unsubscribe_url }}" style="color:#5b616e;text-decoration:underline;">Unsubscribe</a> &nbsp;·&nbsp;
      <a class="soft" href="{{ preferences_url }}" style="color:#5b616e;text-decoration:underline;">Preferences</a> &nbsp;·&nbsp;
      <a class="soft" href="{{ web_version_url }}" style="color:#5b616e;text-decoration:underline;">View in browser</a>
    </td>
  </tr>
</table>`;

/** The sender's name as a word mark, where a logo may go. */
export const mark = (align: 'left' | 'center' = 'left') =>
  row(`<span class="ink" style="font:700 17px/24px ${FONT};color:#111827;letter-spacing:-0.2px;">{{ organization.name }}</span>`, '32px 48px 0', align);

/** One row of the card. @param padding as CSS has it */
export function row(content: string, padding = '20px 48px 0', align: 'left' | 'center' = 'left'): string {
  return `
<tr>
  <td class="pad" align="${align}" style="padding:${padding};">
${content.trim().split('\n').map((line) => `    ${line}`).join('\n')}
  </td>
</tr>`;
}

export function title(text: string, align: 'left' | 'center' = 'left'): string {
  return `<h1 class="ink title" style="margin:0;font:700 32px/40px ${FONT};color:#111827;letter-spacing:-0.6px;text-align:${align};">${text}</h1>`;
}

export function heading(text: string): string {
  return `<h2 class="ink" style="margin:0 0 8px;font:600 19px/26px ${FONT};color:#111827;">${text}</h2>`;
}

export function words(text: string, align: 'left' | 'center' = 'left'): string {
  return `<p class="ink" style="margin:0 0 16px;font:400 16px/26px ${FONT};color:#27303f;text-align:${align};">${text}</p>`;
}

export function aside(text: string, align: 'left' | 'center' = 'left'): string {
  return `<p class="soft" style="margin:0 0 12px;font:400 14px/22px ${FONT};color:#5b616e;text-align:${align};">${text}</p>`;
}

export function link(label: string, href: string): string {
  return `<a class="link" href="${href}" style="color:#4338ca;font-weight:600;text-decoration:underline;">${label}</a>`;
}

/** A button whose whole face can be pressed, in Outlook too. */
export function button(label: string, href: string, align: 'left' | 'center' = 'left'): string {
  return `<table role="presentation" cellpadding="0" cellspacing="0" align="${align}" style="margin:${align === 'center' ? '0 auto' : '0'};">
  <tr>
    <td align="center" bgcolor="#4338ca" style="background:#4338ca;border-radius:8px;mso-padding-alt:14px 28px;">
      <a href="${href}" style="display:inline-block;padding:14px 28px;font:600 16px/20px ${FONT};color:#ffffff;text-decoration:none;">${label}</a>
    </td>
  </tr>
</table>`;
}

/** A tinted box inside a row. */
export function box(content: string, align: 'left' | 'center' = 'left'): string {
  return `<table role="presentation" class="tint" width="100%" cellpadding="0" cellspacing="0" bgcolor="#eef0f6" style="background:#eef0f6;border-radius:10px;">
  <tr>
    <td align="${align}" style="padding:24px 28px 12px;">
${content.trim().split('\n').map((line) => `      ${line}`).join('\n')}
    </td>
  </tr>
</table>`;
}

export const rule = row('<div class="rule" style="border-top:1px solid #e2e5ea;font-size:0;line-height:0;">&nbsp;</div>', '28px 48px 8px');
export const end = row('&nbsp;', '0 48px 20px');
