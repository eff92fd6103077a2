import { positionOf, scanHtml, type HtmlToken } from './html.ts';
import type { Problem } from './language.ts';

const content = ['mj-accordion', 'mj-button', 'mj-carousel', 'mj-divider', 'mj-image', 'mj-navbar', 'mj-social', 'mj-spacer', 'mj-table', 'mj-text'] as const;

/** Every element with those it may stand in; null: nobody asks. */
const parents: Readonly<Record<string, readonly string[] | null>> = {
  mjml: [], 'mj-head': ['mjml'], 'mj-body': ['mjml'], 'mj-raw': null,
  'mj-attributes': ['mj-head'], 'mj-all': null, 'mj-class': null, 'mj-breakpoint': ['mj-head'], 'mj-font': ['mj-head'], 'mj-html-attributes': ['mj-head'], 'mj-selector': null, 'mj-html-attribute': null,
  'mj-preview': ['mj-head'], 'mj-style': ['mj-head'], 'mj-title': ['mj-head'],
  'mj-wrapper': ['mj-body'], 'mj-section': ['mj-body', 'mj-wrapper'], 'mj-hero': ['mj-body', 'mj-wrapper'], 'mj-group': ['mj-section'], 'mj-column': ['mj-section', 'mj-group'],
  'mj-accordion-element': ['mj-accordion'], 'mj-accordion-title': ['mj-accordion-element'], 'mj-accordion-text': ['mj-accordion-element'],
  'mj-carousel-image': ['mj-carousel'], 'mj-navbar-link': ['mj-navbar'], 'mj-social-element': ['mj-social'],
  ...Object.fromEntries(content.map((name) => [name, ['mj-column', 'mj-hero']])),
};
/** Elements that hold elements alone: text in them would be left out without a word. */
const structure = new Set(['mjml', 'mj-head', 'mj-body', 'mj-wrapper', 'mj-section', 'mj-hero', 'mj-group', 'mj-column', 'mj-accordion', 'mj-accordion-element', 'mj-carousel', 'mj-navbar', 'mj-social']);
const MAX_PROBLEMS = 20;

/**
 * What the compiler would leave out without a word or report without a place: unknown and misplaced elements, text between
 * elements (conditions too), includes, elements that are not closed.
 */
export function findMjmlProblems(source: string): Problem[] {
  const problems: Problem[] = [];
  const open: Extract<HtmlToken, { kind: 'tag' }>[] = [];
  const complain = (at: number, message: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ message, ...positionOf(source, at) });
  };
  for (const token of scanHtml(source)) {
    const around = open.at(-1)?.name;
    if (token.kind === 'text') {
      const text = source.slice(token.from, token.to);
      if (around !== undefined && structure.has(around) && text.trim() !== '') complain(token.from + text.search(/\S/), 'Text between elements is lost. Put it into mj-text, and conditions around elements into mj-raw.');
      continue;
    }
    if (token.kind !== 'tag' || !/^(mj-|mjml$)/.test(token.name)) continue;
    if (token.isClosing) {
      if (around === token.name) open.pop();
      else {
        const opened = open.at(-1);
        complain(opened?.from ?? token.from, opened === undefined ? `</${token.name}> closes nothing.` : `<${opened.name}> is not closed before </${token.name}>.`);
        return problems;
      }
      continue;
    }
    if (token.name === 'mj-include') complain(token.from, 'Includes are not supported: there are no files beside a mail. Put the content here.');
    else if (!Object.hasOwn(parents, token.name)) complain(token.from, `There is no element ${token.name}.`);
    else {
      const wanted = parents[token.name] ?? null;
      if (wanted !== null && around !== undefined && around !== 'mj-attributes' && !wanted.includes(around)) complain(token.from, `${token.name} may not stand in ${around}${wanted.length === 0 ? '' : `; it belongs into ${wanted.join(' or ')}`}.`);
    }
    if (source.charAt(token.to - 2) !== '/') open.push(token);
  }
  const last = open.at(-1);
  if (last !== undefined) complain(last.from, `<${last.name}> is not closed.`);
  return problems;
}
