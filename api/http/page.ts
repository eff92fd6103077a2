import type { Response } from 'express';

/** The few pages strangers see: no scripts, no cookies, nothing from elsewhere. */

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1d22;--soft:#5c6270;--ground:#fff;--line:#d3d7df;--edge:#878d9c;--field:#fff;--button:#1b1d22;--on-button:#fff;--error:#b42318;--tint:#f4f5f8}
@media(prefers-color-scheme:dark){:root{--ink:#eceef2;--soft:#a2a8b5;--ground:#15171b;--line:#3a3f4a;--edge:#6c7382;--field:#1d2026;--button:#eceef2;--on-button:#15171b;--error:#ff8a80;--tint:#1d2026}}
*{box-sizing:border-box}
body{font:16px/1.6 system-ui,-apple-system,"Segoe UI",sans-serif;margin:0;color:var(--ink);background:var(--ground);overflow-wrap:anywhere}
main{max-width:32rem;margin:0 auto;padding:clamp(2rem,12vh,8rem) 1.5rem 4rem}
@media(max-width:30rem){main{padding-top:2.5rem}}
.framed main{max-width:none;padding:1rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem;letter-spacing:-.01em}
p{margin:0 0 1rem}
a{color:inherit}
.from{color:var(--soft);font-size:.875rem;margin:0 0 .5rem}
.soft{color:var(--soft);font-size:.875rem}
form{margin:1.5rem 0 0}
label,.label{display:block;font-weight:500;font-size:.9375rem;margin:0 0 .3rem}
.field{margin:0 0 1.1rem}
.optional{color:var(--soft);font-weight:400}
input:not([type=checkbox]){font:inherit;width:100%;min-height:2.75rem;padding:.45rem .75rem;color:inherit;background:var(--field);border:1px solid var(--edge);border-radius:.5rem}
input[aria-invalid=true]{border-color:var(--error)}
input[type=checkbox]{width:1.15rem;height:1.15rem;margin:.2rem 0 0;flex:none;accent-color:var(--button)}
.check{display:flex;gap:.65rem;align-items:flex-start;font-weight:400}
.error{color:var(--error);font-size:.875rem;margin:.3rem 0 0}
.alert{border:1px solid var(--error);border-radius:.5rem;padding:.6rem .85rem;color:var(--error)}
.note{background:var(--tint);border-radius:.5rem;padding:.75rem 1rem;margin:0 0 1rem}
button{font:inherit;font-weight:500;min-height:2.75rem;padding:.5rem 1.4rem;border:1px solid transparent;border-radius:.5rem;background:var(--button);color:var(--on-button);cursor:pointer}
button.quiet{background:none;color:inherit;border-color:var(--edge)}
:focus-visible{outline:2px solid currentColor;outline-offset:2px}
.trap{position:absolute;left:-10000px;width:1px;height:1px;overflow:hidden}
hr{border:0;border-top:1px solid var(--line);margin:2rem 0 1.5rem}`.replaceAll('\n', '');

export interface Page {
  /** Plain text. */
  readonly title: string;
  /** HTML; whatever was typed or configured in it is escaped. */
  readonly body: string;
  /** Who speaks: plain text, shown above the title. */
  readonly from?: string;
  /** Shown inside another site's page: no margins of its own. */
  readonly isFramed?: boolean;
}

/** A whole page. */
export function page({ title, body, from = '', isFramed = false }: Page): string {
  const full = escapeHtml(from === '' ? title : `${title} · ${from}`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>${full}</title><style>${STYLE}</style></head>
<body${isFramed ? ' class="framed"' : ''}><main>${from === '' ? '' : `<p class="from">${escapeHtml(from)}</p>`}<h1>${escapeHtml(title)}</h1>${body}</main></body></html>`;
}

export interface PageAnswer {
  /** Where a form of the page may lead beside this site: an absolute address, as browsers hold redirects after a POST against the policy too. */
  readonly leadsTo?: string | null;
  /** Any site may show it in a frame. */
  readonly isFramed?: boolean;
}

/** Answers with a page under a policy that lets it do nothing but be read and sent. */
export function sendPage(res: Response, status: number, html: string, { leadsTo = null, isFramed = false }: PageAnswer = {}): void {
  const targets = leadsTo === null ? "'self'" : `'self' ${new URL(leadsTo).origin}`;
  if (isFramed) res.removeHeader('X-Frame-Options');
  res.status(status).set({
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': `default-src 'none'; style-src 'unsafe-inline'; form-action ${targets}; base-uri 'none'; frame-ancestors ${isFramed ? '*' : "'none'"}`,
  }).send(html);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as it may stand between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign]!);
}

/** Text of several lines as HTML: web addresses become links, line breaks stay. */
export function multiline(text: string): string {
  const parts = text.split(/(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)])/);
  return parts.map((part, i) => {
    const shown = escapeHtml(part);
    return i % 2 === 1 ? `<a href="${shown}" target="_blank" rel="noopener nofollow">${shown}</a>` : shown.replace(/\r\n?|\n/g, '<br>');
  }).join('');
}

/** The same, with a paragraph for each part between empty lines; nothing for an empty text. */
export function paragraphs(text: string): string {
  return text.split(/(?:\r?\n[ \t]*){2,}/).filter((part) => part.trim() !== '').map((part) => `<p>${multiline(part.trim())}</p>`).join('');
}
