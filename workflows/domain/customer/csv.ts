/** Reads delimited text as it streams in; a broken row costs that row, never those after it. */

export interface CsvRecord {
  /** Line of the file the record begins on, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Set when the row cannot be read; `cells` are then its first line, split without regard to quotes. */
  readonly problem?: string;
}

export const ROW_MAX_LENGTH = 1_048_576;

export interface CsvReader {
  /** Records completed by this piece of text; blank lines are left out. */
  push(text: string): CsvRecord[];
  /** What was left over at the end of the file. */
  end(): CsvRecord[];
}

/**
 * A streaming reader for RFC 4180 with any delimiter: quoted line breaks, doubled quotes, CR, LF or CRLF.
 * A quote inside an unquoted cell is taken as it is. Unbalanced quotes and rows over 1 MB are records
 * with a problem, and reading goes on at the line after the one they began on.
 */
export function createCsvReader(delimiter: string): CsvReader {
  let rest = '';
  let line = 1;

  function read(final: boolean): CsvRecord[] {
    const records: CsvRecord[] = [];
    let at = 0;
    // Where the next of each sign is: looking anew for every line would scan the rest of the chunk each time.
    const signs = { feed: nextOf('\n'), carriage: nextOf('\r'), quote: nextOf('"') };
    while (at < rest.length) {
      const feed = signs.feed(rest, at);
      const carriage = signs.carriage(rest, at);
      const end = carriage !== -1 && (feed === -1 || carriage < feed) ? carriage : feed;
      if (end === -1 && !final) {
        if (rest.length - at <= ROW_MAX_LENGTH) break;
      } else if (end !== -1 && end === rest.length - 1 && rest[end] === '\r' && !final) break;  // perhaps half of CRLF
      const stop = end === -1 ? rest.length : end;
      const quote = signs.quote(rest, at);
      if (quote === -1 || quote >= stop) {
        if (stop - at > ROW_MAX_LENGTH && end === -1 && !final) {
          // A row without an end: drop what came so far, the remainder is dropped as it comes.
          overlong = overlong ?? { line, start: rest.slice(at, at + 1_000) };
          at = rest.length;
          break;
        }
        if (overlong !== null) {
          records.push(bad(overlong.line, overlong.start, 'The row is longer than 1 MB.'));
          overlong = null;
        } else if (stop - at > ROW_MAX_LENGTH) records.push(bad(line, rest.slice(at, at + 1_000), 'The row is longer than 1 MB.'));
        else if (stop > at) records.push({ line, cells: rest.slice(at, stop).split(delimiter) });
        at = after(rest, stop);
        line++;
        continue;
      }
      const parsed = parseQuoted(rest, at, delimiter, final);
      if (parsed === 'more') {
        if (!final && rest.length - at <= ROW_MAX_LENGTH) break;
        if (end === -1 && !final) {
          overlong = overlong ?? { line, start: rest.slice(at, at + 1_000) };
          at = rest.length;
          break;
        }
      }
      if (typeof parsed === 'string') {
        const reason = parsed === 'more' && rest.length - at > ROW_MAX_LENGTH ? 'A quotation mark is opened and not closed within 1 MB.'
          : parsed === 'more' ? 'A quotation mark is opened and never closed.' : 'After a closing quotation mark the next separator was expected: quotes are unbalanced.';
        records.push(bad(line, rest.slice(at, stop), reason));
        at = after(rest, stop);
        line++;
        continue;
      }
      records.push(parsed.end - at > ROW_MAX_LENGTH ? bad(line, rest.slice(at, at + 1_000), 'The row is longer than 1 MB.') : { line, cells: parsed.cells });
      line += parsed.lines;
      at = after(rest, parsed.end);
    }
    rest = rest.slice(at);
    if (final && overlong !== null) {
      records.push(bad(overlong.line, overlong.start, 'The row is longer than 1 MB.'));
      overlong = null;
    }
    return records;
  }
  let overlong: { line: number; start: string } | null = null;

  const bad = (at: number, text: string, problem: string): CsvRecord => ({ line: at, cells: text.slice(0, 10_000).split(delimiter), problem });
  return {
    push(text) {
      rest += text;
      return read(false);
    },
    end: () => read(true),
  };
}

/** `indexOf` for positions that only grow, each stretch of text looked at once. */
function nextOf(sign: string): (text: string, from: number) => number {
  let known = -2;
  return (text, from) => {
    if (known === -2 || (known !== -1 && known < from)) known = text.indexOf(sign, from);
    return known;
  };
}

function lineEnd(text: string, from: number): number {
  const feed = text.indexOf('\n', from);
  const limit = feed === -1 ? text.length : feed;
  const carriage = text.indexOf('\r', from);
  return carriage !== -1 && carriage < limit ? carriage : feed;
}

function after(text: string, end: number): number {
  return text[end] === '\r' && text[end + 1] === '\n' ? end + 2 : end + 1;
}

/** Reads one record that holds quotes. `more`: its end is not here yet; `broken`: quotes are unbalanced. */
function parseQuoted(text: string, from: number, delimiter: string, final: boolean): { cells: string[]; end: number; lines: number } | 'more' | 'broken' {
  const cells: string[] = [];
  let lines = 1;
  let at = from;
  for (;;) {
    if (text[at] === '"') {
      let cell = '';
      let start = at + 1;
      for (;;) {
        const close = text.indexOf('"', start);
        if (close === -1) return 'more';
        cell += text.slice(start, close);
        if (text[close + 1] === '"') {
          cell += '"';
          start = close + 2;
          continue;
        }
        if (close + 1 >= text.length && !final) return 'more';
        at = close + 1;
        break;
      }
      lines += breaksIn(cell);
      cells.push(cell);
      const next = text[at];
      if (next !== undefined && next !== delimiter && next !== '\n' && next !== '\r') return 'broken';
    } else {
      const separator = text.indexOf(delimiter, at);
      const lineStop = lineEnd(text, at);
      const stop = Math.min(separator === -1 ? text.length : separator, lineStop === -1 ? text.length : lineStop);
      if (stop === text.length && !final) return 'more';
      cells.push(text.slice(at, stop));
      at = stop;
    }
    const next = text[at];
    if (next === delimiter) {
      at++;
      continue;
    }
    if (next === '\r' && at + 1 >= text.length && !final) return 'more';
    return { cells, end: at, lines };
  }
}

function breaksIn(cell: string): number {
  return cell.match(/\r\n|\n|\r/g)?.length ?? 0;
}

/** The likeliest delimiter of a header line: the commonest of the four outside quotes. */
export function detectDelimiter(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  let best = ',';
  for (const candidate of [',', ';', '\t', '|']) if (bare.split(candidate).length > bare.split(best).length) best = candidate;
  return best;
}
