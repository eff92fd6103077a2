import { domainToASCII } from 'node:url';

/**
 * Encoding of mail. Bodies are quoted-printable: every line is short, pure ASCII and safe in transit, and a soft break
 * around each slot lets the fixed parts be encoded once per campaign instead of once per mail.
 */

const HEX = Array.from({ length: 256 }, (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const LINE = 72;
const SOFT_BREAK = '=\r\n';
/** Text that may stand in a quoted-printable line as it is. */
const plainValue = /^(?!\.)[ -<>-~]{0,72}$/;
/** Most values of people: no sign of HTML or of the encoding; in addresses none of theirs either. */
const simpleText = /^[A-Za-z0-9_-][A-Za-z0-9 ,.:;!?()@+*/_-]{0,71}$/;
const simpleWord = /^[A-Za-z0-9_-]{1,72}$/;

/** A value that stands in a body as it is, HTML or text, or inside an address; undefined when it must be escaped and encoded. */
export function encodeValue(value: string, isInAddress: boolean): string | undefined {
  return (isInAddress ? simpleWord : simpleText).test(value) ? value + SOFT_BREAK : undefined;
}

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

/** Where lines of a header are folded, and the longest an encoded word may make one (RFC 5322 2.1.1, RFC 2047 2). */
const FOLD_AT = 76;
/** Longer words cannot stand in a line of 998 bytes with what is around them. */
const LONGEST_WORD = 800;

const shortPlain = /^[ -~]{0,60}$/;
const longWord = new RegExp(`[^ ]{${LONGEST_WORD}}`);

/**
 * Text of a header: as it is when ASCII, else encoded words of RFC 2047, folded either way. Nothing a value holds can end it.
 * @param column where the first line stands after the header's name
 */
export function encodeHeader(value: string, column = 'Subject: '.length): string {
  const text = oneLine(value);
  if (shortPlain.test(text) && !text.includes('=?')) return text;
  return isPlain(text) ? fold(text, column) : encodedWords(text, column);
}

function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text) && !text.includes('=?') && !longWord.test(text);
}

/** Breaks lines before spaces; taking the breaks out again gives the text back. */
function fold(text: string, column: number): string {
  if (column + text.length <= FOLD_AT) return text;
  let out = '';
  let at = column;
  for (const word of text.match(/ *[^ ]+/g) ?? []) {
    if (at + word.length > FOLD_AT && out !== '' && word.startsWith(' ')) {
      out += '\r\n';
      at = 0;
    }
    out += word;
    at += word.length;
  }
  return out;
}

function encodedWords(text: string, column: number): string {
  const words: string[] = [];
  let chunk = '';
  let bytes = 0;
  // 12 characters around each word; the base64 of n bytes takes 4 for every 3.
  const room = () => Math.floor((FOLD_AT - 12 - (words.length === 0 ? column : 1)) / 4) * 3;
  for (const character of text.toWellFormed()) {
    const size = Buffer.byteLength(character);
    if (bytes + size > room()) {
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

/** `Name <address>`, folded. @param address in its ASCII form @param column where the first line stands after the header's name */
export function encodeMailbox(name: string, address: string, column = 'From: '.length): string {
  const text = oneLine(name);
  if (text === '') return `<${address}>`;
  const isAtoms = /^[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*$/.test(text);
  const shown = isPlain(text) ? fold(isAtoms ? text : `"${text.replaceAll(/[\\"]/g, '\\$&')}"`, column) : encodedWords(text, column);
  const lastLine = shown.includes('\n') ? shown.length - shown.lastIndexOf('\n') - 1 : column + shown.length;
  return `${shown}${lastLine + address.length + 3 > FOLD_AT ? '\r\n' : ''} <${address}>`;
}

const ASCII_ADDRESS = /^(?=.{3,254}$)(?=[^@]{1,64}@)[!#$%&'*+/=?^_`{|}~A-Za-z0-9-]+(?:\.[!#$%&'*+/=?^_`{|}~A-Za-z0-9-]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/**
 * An address as it stands in an envelope and a header: its domain in ASCII letters (IDNA), nothing that ends or opens anything.
 * @returns null when it has no such form: servers that take other letters before the @ (SMTPUTF8) are too few to rely on
 */
export function asciiAddress(address: string): string | null {
  if (ASCII_ADDRESS.test(address)) return address;
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1);
  if (at < 1 || !/[^\u0000-\u007F]/.test(domain) || /[\s/?#@:%\\[\]]/.test(domain)) return null;
  const ascii = `${address.slice(0, at)}@${domainToASCII(domain)}`;
  return ASCII_ADDRESS.test(ascii) ? ascii : null;
}

/** Whether mail can be written from and to this address. */
export function isAddress(address: string): boolean {
  return asciiAddress(address) !== null;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => String(value).padStart(2, '0');

/** Date header of RFC 5322 in UTC. */
export function encodeDate(epochMs: number): string {
  const at = new Date(epochMs);
  return `${days[at.getUTCDay()]}, ${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`;
}
