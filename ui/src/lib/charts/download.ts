import type { Numbers } from './chart.ts';
import { toCsv } from './csv.ts';

function save(href: string, name: string) {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
}

const fileName = (name: string, ending: string) => `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 100) || 'chart'}.${ending}`;

function saveBlob(text: string, type: string, name: string) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  save(href, name);
  URL.revokeObjectURL(href);
}
export const downloadCsv = (numbers: Numbers, name: string) => saveBlob(toCsv(numbers), 'text/csv', fileName(name, 'csv'));
export const downloadJson = (value: unknown, name: string) => saveBlob(JSON.stringify(value, null, 2), 'application/json', fileName(name, 'json'));

const SCALE = 2;
const HEAD = 44;

/** The chart at twice its size, with its name and legend above. Colours are tokens, which an image does not know: they are written out first. */
export async function downloadPng(svg: SVGSVGElement, name: string, legend: readonly { readonly label: string; readonly colour: string }[]): Promise<void> {
  const style = getComputedStyle(svg);
  const token = (colour: string) => colour.replace(/var\((--[a-z0-9-]+)\)/g, (_, called: string) => style.getPropertyValue(called).trim());
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('font-family', style.fontFamily);
  const image = new Image(width * SCALE, height * SCALE);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(token(new XMLSerializer().serializeToString(copy)))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = (width + 32) * SCALE;
  canvas.height = (height + HEAD + 24) * SCALE;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(SCALE, SCALE);
  context.fillStyle = token('var(--surface)');
  context.fillRect(0, 0, width + 32, height + HEAD + 24);
  context.font = `600 14px ${style.fontFamily}`;
  context.fillStyle = token('var(--ink)');
  context.fillText(name, 16, 28);
  context.font = `12px ${style.fontFamily}`;
  for (let i = legend.length - 1, right = width + 16; i >= 0; i -= 1) {
    const { label, colour } = legend[i]!;
    const room = context.measureText(label).width;
    context.fillStyle = token('var(--ink-soft)');
    context.fillText(label, right - room, 28);
    context.fillStyle = token(colour);
    context.fillRect(right - room - 16, 18, 10, 10);
    right -= room + 32;
  }
  context.drawImage(image, 16, HEAD, width, height);
  save(canvas.toDataURL('image/png'), fileName(name, 'png'));
}
