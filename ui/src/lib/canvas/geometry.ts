/** Sizes of what is drawn, in px of the canvas: known before anything is measured, so that steps out of sight need not be drawn. */
export const CARD_WIDTH = 240;
const CARD_HEIGHT = 64;
/** What a port takes at least: its label stands under it. */
const PORT_WIDTH = 90;
/** What is shown of a way out, centred on the card's lower edge. */
export const HANDLE = 12;
/** Steps are placed on this grid. */
export const GRID = 10;
export const GAP = { x: 50, y: 80 } as const;

export interface Place { readonly x: number; readonly y: number }
export interface Size { readonly width: number; readonly height: number }

export const snap = (value: number): number => Math.round(value / GRID) * GRID;

/** A card is as wide as its ports need. */
export const sizeOf = (ports: number): Size => ({ width: Math.max(CARD_WIDTH, ports * PORT_WIDTH), height: CARD_HEIGHT });

/** The middle of a port on the card's lower edge. @param index from 0 */
export const portX = (index: number, ports: number): number => (sizeOf(ports).width * (index + 0.5)) / ports;

interface Box extends Place, Size {}

const touches = (a: Box, b: Box): boolean => a.x < b.x + b.width + GAP.x / 2 && b.x < a.x + a.width + GAP.x / 2 && a.y < b.y + b.height + GAP.y / 2 && b.y < a.y + a.height + GAP.y / 2;

/** The first place to the right of `wanted` where a card touches no other; after 40 tries below them all. */
export function freePlace(wanted: Place, size: Size, boxes: readonly Box[]): Place {
  const y = snap(wanted.y);
  for (let tries = 0, x = snap(wanted.x); tries < 40; tries++) {
    const taken = boxes.find((box) => touches({ x, y, ...size }, box));
    if (taken === undefined) return { x, y };
    x = snap(taken.x + taken.width + GAP.x);
  }
  return { x: snap(wanted.x), y: snap(Math.max(...boxes.map((box) => box.y + box.height)) + GAP.y) };
}
