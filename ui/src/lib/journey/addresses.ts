/**
 * Addresses as they are typed or pasted: one per line, or separated by commas or semicolons, also as `Ada Quill <ada@example.com>`.
 * Spaces separate only what are addresses on both sides, so that a slip stays one piece.
 * @returns each once, as given first
 */
export function addressesIn(text: string): string[] {
  const pieces = text.split(/[\n\r,;]+/).flatMap((piece) => {
    const bracketed = /<([^<>]*)>\s*$/.exec(piece)?.[1];
    const parts = (bracketed ?? piece).trim().split(/\s+/);
    return parts.every((part) => part.includes('@')) ? parts : [parts.join(' ')];
  });
  const found = new Map<string, string>();
  for (const piece of pieces) if (piece !== '' && !found.has(piece.toLowerCase())) found.set(piece.toLowerCase(), piece);
  return [...found.values()];
}
