import { html } from '@codemirror/lang-html';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { EditorView, basicSetup } from 'codemirror';

const look = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', backgroundColor: 'var(--surface)', color: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: "'JetBrains Mono Variable', ui-monospace, monospace", lineHeight: '20px' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--ink-faint)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in oklab, var(--accent) 6%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in oklab, var(--accent) 22%, transparent) !important' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', border: '1px solid var(--line)', borderRadius: '8px' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)' },
});

const colours = HighlightStyle.define([
  { tag: tags.tagName, color: 'var(--accent-ink)' },
  { tag: [tags.attributeName, tags.propertyName], color: 'var(--scheduled)' },
  { tag: [tags.attributeValue, tags.string], color: 'var(--done)' },
  { tag: [tags.number, tags.unit, tags.color, tags.atom, tags.keyword], color: 'var(--paused)' },
  { tag: [tags.comment, tags.meta, tags.angleBracket], color: 'var(--ink-faint)' },
  { tag: tags.invalid, color: 'var(--failed)' },
]);

export interface CodeEditor { set(text: string): void; insert(text: string): void; jumpTo(line: number): void; destroy(): void }

/** The HTML editor. Loaded only where it is needed: it weighs more than the rest of the page. */
export function createCodeEditor(parent: HTMLElement, text: string, label: string, onchange: (text: string) => void): CodeEditor {
  const view = new EditorView({
    doc: text,
    parent,
    extensions: [
      basicSetup, html(), look, syntaxHighlighting(colours), EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label, 'data-testid': 'html-editor' }),
      EditorView.updateListener.of((update) => { if (update.docChanged) onchange(update.state.doc.toString()); }),
    ],
  });
  return {
    set(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    insert(piece) {
      view.dispatch(view.state.replaceSelection(piece));
      view.focus();
    },
    jumpTo(line) {
      const at = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
      view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: 'center' }) });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}
