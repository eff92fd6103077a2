import type { Point } from './ActivityChart.svelte';

function save(href: string, name: string) {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
}

const fileName = (name: string, ending: string) => `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'chart'}.${ending}`;

export function downloadCsv(points: readonly Point[], name: string) {
  const lines = ['time,sent,opened,clicked', ...points.map((point) => [point.at, point.sent, point.opened, point.clicked].join(','))];
  const href = URL.createObjectURL(new Blob([lines.join('\n')], { type: 'text/csv' }));
  save(href, fileName(name, 'csv'));
  URL.revokeObjectURL(href);
}

/** The chart at twice its size. Colours are tokens, which an image does not know: they are written out first. */
export async function downloadPng(svg: SVGSVGElement, name: string): Promise<void> {
  const style = getComputedStyle(svg);
  const markup = new XMLSerializer().serializeToString(svg).replace(/var\((--[a-z0-9-]+)\)/g, (_, token: string) => style.getPropertyValue(token).trim());
  const { width, height } = svg.getBoundingClientRect();
  const image = new Image(width * 2, height * 2);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(markup)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * 2;
  canvas.height = height * 2;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.fillStyle = style.getPropertyValue('--surface').trim();
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  save(canvas.toDataURL('image/png'), fileName(name, 'png'));
}
