import type { FormRecord } from '../modules/forms/views.ts';
import { escapeHtml, multiline } from '../http/page.ts';
import { agreementTo, CONSENT, TRAP } from './submission.ts';
import { attributesOf, emailWidget, type Widget, type Widgets } from './widgets.ts';

/** Height of the frame: title, address and button, then what each field takes. */
const FRAME_HEIGHT = 330;
const FIELD_HEIGHT = 94;

/**
 * A form as other sites show it: a plain form that posts to the hosted page and looks as that site's own do, or a frame
 * around the hosted page. Neither runs a script.
 */
export function embedOf(form: FormRecord, widgets: Widgets, url: string): { readonly html: string; readonly frame: string } {
  const input = (name: string, label: string, required: boolean, { attributes }: Widget) => {
    const tag = `<input ${attributesOf({ name, ...attributes, required })}>`;
    return attributes['type'] === 'checkbox' ? `  <p><label>${tag} ${escapeHtml(label)}</label></p>` : `  <p><label>${escapeHtml(label)}<br>${tag}</label></p>`;
  };
  const lines = [
    `<form ${attributesOf({ action: url, method: 'post', 'accept-charset': 'utf-8' })}>`,
    input('email', 'Email', true, emailWidget),
    ...form.fields.flatMap(({ field, label, required }) => (widgets.has(field) ? [input(field, label, required, widgets.get(field)!)] : [])),
    ...(form.consentText === '' ? [] : [`  <p><label><input ${attributesOf({ type: 'checkbox', name: CONSENT, value: agreementTo(form.consentText), required: true })}> ${multiline(form.consentText)}</label></p>`]),
    `  <p style="position:absolute;left:-10000px" aria-hidden="true"><label>Leave this empty <input ${attributesOf({ name: TRAP, tabindex: '-1', autocomplete: 'off' })}></label></p>`,
    `  <p><button type="submit">${escapeHtml(form.buttonLabel)}</button></p>`,
    '</form>',
  ];
  const height = FRAME_HEIGHT + FIELD_HEIGHT * (form.fields.length + (form.consentText === '' ? 0 : 1));
  return {
    html: lines.join('\n'),
    frame: `<iframe ${attributesOf({ src: `${url}?embed`, title: form.title === '' ? form.name : form.title, width: '100%', height: String(height), style: 'border:0;max-width:32rem', loading: 'lazy' })}></iframe>`,
  };
}
