import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** WCAG 2.2 AA of the tokens in app.css: 4.5 for text, 3 for what must be seen beside its ground (focus, progress). Disabled controls are exempt. */

type Token = readonly [lightness: number, chroma: number, hue: number];
type Tokens = Readonly<Record<string, Token>>;

const css = readFileSync(new URL('../../ui/src/app.css', import.meta.url), 'utf8');
const block = (selector: string): Tokens => {
  const body = css.split(`\n${selector} {`)[1]?.split('}')[0] ?? '';
  return Object.fromEntries([...body.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g)].map(([, name, ...lch]) => [name!, lch.map(Number) as unknown as Token]));
};
const accents = ['indigo', ...[...css.matchAll(/^\[data-accent='(\w+)'\]/gm)].map(([, name]) => name!)];
const tokensOf = (theme: 'light' | 'dark', accent: string): Tokens => ({
  ...block(':root'), ...block(`[data-accent='${accent}']`), ...(theme === 'dark' ? { ...block('.dark'), ...block(`.dark[data-accent='${accent}']`) } : {}),
});

/** Relative luminance; what sRGB cannot show is clipped, as browsers do. */
function luminance([lightness, chroma, hue]: Token): number {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const [l, m, s] = [lightness + 0.3963377774 * a + 0.2158037573 * b, lightness - 0.1055613458 * a - 0.0638541728 * b, lightness - 0.0894841775 * a - 1.291485548 * b].map((root) => root ** 3) as [number, number, number];
  const [red, green, blue] = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s]
    .map((channel) => Math.min(1, Math.max(0, channel))) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Token, other: Token): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

describe.each(['light', 'dark'] as const)('%s', (theme) => {
  test.each(accents)('%s: buttons at rest and hovered, links and marks can be read', (accent) => {
    const tokens = tokensOf(theme, accent);
    const at = (text: string, ground: string) => contrast(tokens[text]!, tokens[ground]!);
    for (const ground of ['accent', 'accent-strong']) expect(at('on-accent', ground), `button on ${ground}`).toBeGreaterThanOrEqual(4.5);
    for (const ground of ['page', 'surface', 'sunken', 'hover', 'accent-soft']) expect(at('accent-ink', ground), `link on ${ground}`).toBeGreaterThanOrEqual(4.5);
    for (const ground of ['page', 'surface', 'sunken']) expect(at('accent', ground), `focus on ${ground}`).toBeGreaterThanOrEqual(3);
  });

  test('text and states can be read on every ground', () => {
    const tokens = tokensOf(theme, 'indigo');
    for (const text of ['ink', 'ink-soft', 'ink-faint', 'running', 'paused', 'done', 'failed', 'scheduled', 'draft'])
      for (const ground of ['page', 'surface', 'sunken', 'hover']) expect(contrast(tokens[text]!, tokens[ground]!), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });
});
