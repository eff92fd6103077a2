import type { Image } from '../api/types.ts';

/** Mail programs show about this much. */
const MAIL_WIDTH = 600;

export const fittingWidth = (image: Pick<Image, 'width'>): number => Math.min(MAIL_WIDTH, image.width);

/** A picture as mail programs want it: its width given, its height following. */
export function imageTag(image: Pick<Image, 'url'>, alt: string, width: number): string {
  const quoted = alt.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return `<img src="${image.url}" alt="${quoted}" width="${width}" style="display:block;max-width:100%;height:auto;border:0">`;
}
