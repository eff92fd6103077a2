import { decodeEntities, scanHtml, type HtmlToken } from './html.ts';
import { linkMarks } from './links.ts';
import { SIGN_GUARD } from './spintax.ts';

type Tag = Extract<HtmlToken, { kind: 'tag' }>;

/** Elements with an empty line around them, and those that only begin a new one. */
const paragraphs = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'table', 'blockquote', 'pre']);
const lines = new Set(['div', 'tr', 'li', 'section', 'article', 'header', 'footer', 'center', 'dd', 'dt', 'caption']);
/** Breaks between blocks, however many end and begin in one place; a source cannot hold these characters. */
const LINE = '\u0001';
const PARAGRAPH = '\u0002';

/**
 * Plain text from HTML, for mails whose author wrote none: block ends become lines, links keep their address, pictures
 * their words. Merge tags and choices stay what they are.
 * @param html its choices and links may be marked already
 * @param written address of a marked link as its author wrote it
 */
export function textFromHtml(html: string, written: (no: number) => string = () => ''): string {
  const out: string[] = [];
  let link: { readonly address: string; readonly from: number } | null = null;
  // The element whose content nobody sees, and how many of its name are open in it.
  let unseen: { readonly name: string; depth: number } | null = null;
  for (const token of scanHtml(html)) {
    if (token.kind === 'raw' || token.isHidden) continue;
    if (unseen !== null) {
      if (token.kind !== 'tag' || token.name !== unseen.name) continue;
      unseen.depth += token.isClosing ? -1 : 1;
      if (unseen.depth === 0) unseen = null;
    } else if (token.kind === 'text') out.push(readable(html.slice(token.from, token.to).replaceAll(/\s+/g, ' ')));
    else if (!token.isClosing && isUnseen(html, token)) unseen = { name: token.name, depth: 1 };
    else if (token.name === 'a') {
      if (link !== null) out.splice(link.from, Infinity, closeLink(out.slice(link.from).join(''), link.address, written));
      link = token.isClosing ? null : { address: valueOf(html, token, 'href').trim(), from: out.length };
    } else out.push(inText(html, token));
  }
  return out.join('').replaceAll(/ {2,}/g, ' ')
    .replaceAll(/[ \u0001\u0002]*[\u0001\u0002][ \u0001\u0002]*/g, (breaks) => (breaks.includes(PARAGRAPH) ? '\n\n' : '\n'))
    .replaceAll(' \n', '\n').replaceAll('\n ', '\n').replaceAll(/\n{3,}/g, '\n\n').trim();
}

/** The head, and what is not shown, like a preheader of the author's own. */
function isUnseen(html: string, tag: Tag): boolean {
  if (tag.name === 'head' || tag.name === 'title') return true;
  return (tag.name === 'div' || tag.name === 'span' || tag.name === 'p' || tag.name === 'table') && /display\s*:\s*none/i.test(valueOf(html, tag, 'style'));
}

function inText(html: string, tag: Tag): string {
  const { name, isClosing } = tag;
  if (name === 'img') return readable(valueOf(html, tag, 'alt'));
  if (name === 'br') return '\n';
  if (name === 'hr') return `${PARAGRAPH}---${PARAGRAPH}`;
  if (name === 'li' && !isClosing) return `${LINE}- `;
  if (paragraphs.has(name)) return PARAGRAPH;
  if (lines.has(name)) return LINE;
  return name === 'td' || name === 'th' ? ' ' : '';
}

function closeLink(inner: string, address: string, written: (no: number) => string): string {
  const label = inner.replaceAll(/\s+/g, ' ').trim();
  const own = decodeEntities(address.replaceAll(linkMarks, (_mark, no: string) => written(Number(no))));
  if (own.startsWith('#') || own === '') return label;
  return label === '' || label === own ? decodeEntities(address) : `${label} (${decodeEntities(address)})`;
}

function valueOf(html: string, tag: Tag, name: string): string {
  const attribute = tag.attributes.find((each) => each.name === name);
  return attribute === undefined ? '' : html.slice(attribute.from, attribute.to);
}

/** Character references as characters; a brace written as one means itself. */
function readable(text: string): string {
  if (!text.includes('&')) return text;
  return text.split(/(&[^;\s]{1,10};)/).map((part, i) => (i % 2 === 1 ? decodeEntities(part).replaceAll(/[{|}]/g, `$&${SIGN_GUARD}`) : part)).join('');
}
