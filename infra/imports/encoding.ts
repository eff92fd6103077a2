import iconv from 'iconv-lite';

/** How a file may be written; the first four are recognized, the others are chosen by a person. */
export const encodings = ['utf8', 'utf16le', 'utf16be', 'windows-1252', 'windows-1250', 'windows-1251', 'iso-8859-15'] as const;

export type Encoding = (typeof encodings)[number];

/** What an upload's bytes say. `isMixed`: mostly UTF-8, with bytes that are not; their rows are refused, the others read. */
export interface Sniffed {
  readonly encoding: Encoding;
  readonly isMixed: boolean;
}

const HEAD = 4_096;

/**
 * Watches the bytes of an upload go by and says at the end how they are to be read. Whether they are
 * text is judged by the first 4 KB; a NUL further on costs its row.
 */
export function createEncodingSniffer() {
  let head = Buffer.alloc(0);
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  // Bytes that UTF-8 explains as parts of longer characters, and those it cannot explain.
  let explained = 0;
  let broken = 0;
  const weigh = (text: string, bytes: number) => {
    explained += bytes - text.length;
    // A character that straddles two chunks is counted with the second; U+FFFD takes the place of one broken byte or more.
    for (let at = text.indexOf('\ufffd'); at !== -1; at = text.indexOf('\ufffd', at + 1)) broken++;
  };
  return {
    watch(chunk: Buffer): void {
      if (head.length < HEAD) head = Buffer.concat([head, chunk.subarray(0, HEAD - head.length)]);
      weigh(decoder.decode(chunk, { stream: true }), chunk.length);
    },
    /** @returns null when the bytes are no text */
    end(): Sniffed | null {
      weigh(decoder.decode(), 0);
      const certain = (encoding: Encoding): Sniffed => ({ encoding, isMixed: false });
      if (head[0] === 0xff && head[1] === 0xfe) return certain('utf16le');
      if (head[0] === 0xfe && head[1] === 0xff) return certain('utf16be');
      if (head.some((byte) => byte !== 0 && (byte < 9 || (byte > 13 && byte < 32 && byte !== 27)))) return null;
      // UTF-16 without a mark: western text has its zeros all on one side.
      const zeros = [0, 0];
      head.forEach((byte, i) => { if (byte === 0) zeros[i % 2]!++; });
      if (zeros[1]! > head.length / 4 && zeros[0] === 0) return certain('utf16le');
      if (zeros[0]! > head.length / 4 && zeros[1] === 0) return certain('utf16be');
      if (zeros[0]! + zeros[1]! > head.length / 50) return null;
      if (broken === 0) return certain('utf8');
      return explained > broken ? { encoding: 'utf8', isMixed: true } : certain('windows-1252');
    },
  };
}

/** Turns bytes as they come into text: without a mark, half surrogates and broken bytes as U+FFFD. */
export function createDecoder(encoding: Encoding): { write(chunk: Buffer): string; end(): string } {
  const decoder = iconv.getDecoder(encoding, { stripBOM: true });
  return { write: (chunk) => decoder.write(chunk).toWellFormed(), end: () => (decoder.end() ?? '').toWellFormed() };
}
