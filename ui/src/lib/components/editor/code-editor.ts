import { pickedCompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { html } from '@codemirror/lang-html';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { placeholder } from '@codemirror/view';
import { tags as highlights } from '@lezer/highlight';
import { EditorView, basicSetup } from 'codemirror';
import type { Tag } from '$lib/content/tags.ts';
import { editing } from '$lib/strings/en/editing.ts';

const look = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', backgroundColor: 'var(--surface)', color: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: "'JetBrains Mono Variable', ui-monospace, monospace", fontVariantLigatures: 'none', lineHeight: '20px' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--ink-faint)', border: 'none' },
  '.cm-gutter-lint': { width: '12px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '6px 2px' },
  '.cm-lint-marker': { width: '8px', height: '8px', borderRadius: '50%' },
  '.cm-lint-marker-error': { content: 'normal', backgroundColor: 'var(--failed)' },
  '.cm-lint-marker-warning': { content: 'normal', backgroundColor: 'var(--paused)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in oklab, var(--accent) 6%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in oklab, var(--accent) 22%, transparent) !important' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', color: 'var(--ink)', border: '1px solid var(--line)', borderRadius: '8px', boxShadow: 'var(--float)', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'inherit', maxHeight: '240px', padding: '4px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '4px 8px', borderRadius: '6px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--hover)', color: 'var(--ink)' },
  '.cm-completionLabel': { fontFamily: "'JetBrains Mono Variable', ui-monospace, monospace", fontSize: '12px' },
  '.cm-completionDetail': { fontStyle: 'normal', color: 'var(--ink-faint)', marginLeft: '12px' },
  '.cm-diagnostic': { padding: '6px 10px', maxWidth: '420px' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)' },
  '.cm-panels input, .cm-panels button': { backgroundColor: 'var(--surface)', color: 'var(--ink)', backgroundImage: 'none', border: '1px solid var(--line-strong)', borderRadius: '6px' },
});

const colours = HighlightStyle.define([
  { tag: highlights.tagName, color: 'var(--accent-ink)' },
  { tag: [highlights.attributeName, highlights.propertyName], color: 'var(--scheduled)' },
  { tag: [highlights.attributeValue, highlights.string], color: 'var(--done)' },
  { tag: [highlights.number, highlights.unit, highlights.color, highlights.atom, highlights.keyword], color: 'var(--paused)' },
  { tag: [highlights.comment, highlights.meta, highlights.angleBracket], color: 'var(--ink-faint)' },
  { tag: highlights.invalid, color: 'var(--failed)' },
]);

/** Something about the source, with its place in it. */
export interface Remark { readonly line: number; readonly column: number; readonly message: string; readonly severity: 'error' | 'warning' }

export interface CodeEditor {
  set(text: string): void;
  insert(text: string): void;
  jumpTo(line: number, column?: number): void;
  mark(remarks: readonly Remark[]): void;
  destroy(): void;
}

/** Behind `{{` the tags, behind a bar the filters; what closes the tag is written along. */
function mergeTags(tags: () => readonly Tag[]): (context: CompletionContext) => CompletionResult | null {
  const close = (view: EditorView, completion: Completion, from: number, to: number, text: string) => {
    const closed = /^\s*\}\}/.exec(view.state.sliceDoc(to, to + 12))?.[0];
    const end = from + text.length + (closed?.length ?? 2);
    view.dispatch({ changes: { from, to, insert: closed === undefined ? `${text}}}` : text }, selection: { anchor: end }, annotations: pickedCompletion.of(completion) });
  };
  return (context) => {
    const filter = context.matchBefore(/\{\{[^{}|]*(?:\|[^{}|]*)*\|\s*\w*/);
    if (filter) {
      const from = context.pos - (/\w*$/.exec(filter.text)?.[0].length ?? 0);
      return { from, options: Object.entries(editing.filters).map(([label, detail]) => ({ label, detail, type: 'function', apply: label === 'default' ? 'default: ""' : label === 'date' ? 'date: "%-d %B %Y"' : label })), validFor: /^\w*$/ };
    }
    const tag = context.matchBefore(/\{\{-?\s*[\w.]*/);
    if (!tag) return null;
    const from = context.pos - (/[\w.]*$/.exec(tag.text)?.[0].length ?? 0);
    return {
      from, validFor: /^[\w.]*$/,
      options: tags().map(({ tag: label, label: detail }) => ({ label, detail, type: 'variable', apply: (view, completion, at, to) => close(view, completion, at, to, label) })),
    };
  };
}

/** The editor of a mail's HTML or text. Loaded only where it is needed: it weighs more than the rest of the page. */
export function createCodeEditor(parent: HTMLElement, given: { text: string; label: string; testId: string; isHtml: boolean; placeholder: string; tags: () => readonly Tag[]; onchange: (text: string) => void }): CodeEditor {
  const complete = mergeTags(given.tags);
  const view = new EditorView({
    doc: given.text,
    parent,
    extensions: [
      basicSetup, given.isHtml ? html() : [], look, syntaxHighlighting(colours), EditorView.lineWrapping, lintGutter(), placeholder(given.placeholder),
      EditorState.languageData.of(() => [{ autocomplete: complete }]),
      EditorView.contentAttributes.of({ 'aria-label': given.label, 'data-testid': given.testId }),
      EditorView.updateListener.of((update) => { if (update.docChanged) given.onchange(update.state.doc.toString()); }),
    ],
  });
  const placeOf = (line: number, column = 1) => {
    const at = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
    return Math.min(at.from + Math.max(0, column - 1), at.to);
  };
  return {
    set(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    insert(piece) {
      view.dispatch(view.state.replaceSelection(piece));
      view.focus();
    },
    jumpTo(line, column) {
      const at = placeOf(line, column);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
      view.focus();
    },
    mark(remarks) {
      const diagnostics = remarks.map(({ line, column, message, severity }): Diagnostic => {
        const from = placeOf(line, column);
        // To the end of the tag or word that begins there.
        const length = /^(?:\{\{[^}]*\}\}|\{%[^%]*%\}|<[^>]*>|\S+)/.exec(view.state.sliceDoc(from, from + 500))?.[0].length ?? 1;
        return { from, to: Math.min(from + length, view.state.doc.length), severity, message };
      });
      view.dispatch(setDiagnostics(view.state, diagnostics));
    },
    destroy: () => view.destroy(),
  };
}
