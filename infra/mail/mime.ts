/**
 * Encoding of mail. Bodies are quoted-printable: every line is short, pure ASCII and safe in transit, and a soft break
 * around each slot lets the fixed parts be encoded once per campaign instead of once per mail.
 */

const HEX = Array.from({ length: 256 }, (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const LINE = 72;
const SOFT_BREAK = '=\r\n';
/** Text that may stand in a quoted-printable line as it is. */
const plainValue = /^(?!\.)[ -<>-~]{0,72}$/;

/**
 * Quoted-printable that begins and ends at the start of a line, so that pieces can be joined without looking at each other.
 * Source: RFC 2045 6.7.
 */
export function encodeBody(text: string): string {
  if (text === '') return '';
  if (plainValue.test(text)) return text + SOFT_BREAK;
  let out = '';
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n');
  for (let i = 0; i < lines.length; i += 1) {
    const isLast = i === lines.length - 1;
    out += encodeLine(lines[i] ?? '', isLast);
    if (!isLast) out += '\r\n';
  }
  return out;
}

function encodeLine(line: string, isLast: boolean): string {
  let out = '';
  let column = 0;
  const bytes = Buffer.from(line, 'utf8');
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    const endsLine = i === bytes.length - 1 && !isLast;
    // A dot that begins a line would have to be doubled on the wire (RFC 5321 4.5.2): encoded, no line begins with one.
    const startsWithDot = byte === 46 && (column === 0 || column + 1 > LINE);
    const plain = (byte >= 33 && byte <= 126 && byte !== 61 && !startsWithDot) || ((byte === 32 || byte === 9) && !endsLine);
    const piece = plain ? String.fromCharCode(byte) : (HEX[byte] ?? '');
    if (column + piece.length > LINE) {
      out += SOFT_BREAK;
      column = 0;
    }
    out += piece;
    column += piece.length;
  }
  return isLast && column > 0 ? out + SOFT_BREAK : out;
}

const controls = /[\u0000-\u001F\u007F\u2028\u2029]+/g;

/** A value on one line: control characters, line breaks among them, become a space. */
export function oneLine(value: string): string {
  return value.replace(controls, ' ').trim();
}

/** Unstructured header text: as it is when short ASCII, else encoded words of RFC 2047, folded. */
export function encodeHeader(value: string): string {
  const text = oneLine(value);
  if (/^[ -~]{0,400}$/.test(text) && !text.includes('=?')) return text;
  return encodedWords(text);
}

function encodedWords(text: string): string {
  const words: string[] = [];
  let chunk = '';
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > 45) {
      words.push(chunk);
      chunk = '';
      bytes = 0;
    }
    chunk += character;
    bytes += size;
  }
  words.push(chunk);
  return words.map((word) => `=?utf-8?B?${Buffer.from(word, 'utf8').toString('base64')}?=`).join('\r\n ');
}

/** `Name <address>`. @param address one that `isAddress` accepts */
export function encodeMailbox(name: string, address: string): string {
  const text = oneLine(name);
  if (text === '') return `<${address}>`;
  if (/^[ -~]{0,400}$/.test(text) && !text.includes('=?')) {
    return /^[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*$/.test(text) ? `${text} <${address}>` : `"${text.replaceAll(/[\\"]/g, '\\$&')}" <${address}>`;
  }
  return `${encodedWords(text)} <${address}>`;
}

/** Whether an address may stand in an envelope and a header: ASCII, one `@`, nothing that ends or opens anything. */
export function isAddress(address: string): boolean {
  return address.length <= 254 && /^[!#$%&'*+/=?^_`{|}~A-Za-z0-9.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(address);
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => String(value).padStart(2, '0');

/** Date header of RFC 5322 in UTC. */
export function encodeDate(epochMs: number): string {
  const at = new Date(epochMs);
  return `${days[at.getUTCDay()]}, ${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`;
}
