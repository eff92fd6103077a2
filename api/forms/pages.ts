import { CONFIRM_DAYS } from '../../infra/forms/confirmation.ts';
import { escapeHtml, multiline, page, paragraphs } from '../http/page.ts';
import type { FormRecord } from '../modules/forms/views.ts';
import { agreementTo, CONSENT, TRAP, type Refusal, type Typed } from './submission.ts';
import { attributesOf, emailWidget, type Widget, type Widgets } from './widgets.ts';

/** What a page of a form says and where it stands. */
export interface Setting {
  readonly organization: string;
  readonly isFramed: boolean;
}

/** Of a form what its page shows. */
export type FormWords = Pick<FormRecord, 'name' | 'title' | 'intro' | 'fields' | 'consentText' | 'buttonLabel'>;

const nothingTyped: Refusal = { typed: new Map(), errors: new Map() };

/** The form; after a refusal with what was typed and what is wrong with it. */
export function formPage(form: FormWords, widgets: Widgets, { organization, isFramed }: Setting, refused: Refusal = nothingTyped): string {
  const { typed, errors } = refused;
  const body = [
    paragraphs(form.intro),
    errors.size === 0 ? '' : `<p class="alert" role="alert">${errors.size === 1 ? 'One thing is missing or wrong.' : `${errors.size} things are missing or wrong.`} You are not signed up yet.</p>`,
    `<form method="post" action="${isFramed ? '?embed' : '?'}" accept-charset="utf-8" novalidate>`,
    inputHtml('email', 'Email', true, emailWidget, typed, errors.get('email')),
    ...form.fields.map(({ field, label, required }) => (widgets.has(field) ? inputHtml(field, label, required, widgets.get(field)!, typed, errors.get(field)) : '')),
    form.consentText === '' ? '' : consentHtml(form.consentText, typed, errors.get(CONSENT)),
    `<p class="trap" aria-hidden="true"><label>Leave this empty <input ${attributesOf({ name: TRAP, tabindex: '-1', autocomplete: 'off' })}></label></p>`,
    `<button type="submit">${escapeHtml(form.buttonLabel)}</button></form>`,
  ].join('');
  return page({ title: titleOf(form), body, from: organization, isFramed });
}

function inputHtml(name: string, label: string, required: boolean, { attributes }: Widget, typed: Typed, error: string | undefined): string {
  if (attributes['type'] === 'checkbox') return checkHtml(name, 'true', escapeHtml(label), required, typed.has(name), error);
  const id = `f-${name}`;
  const input = attributesOf({ id, name, ...attributes, value: typed.get(name) ?? '', required, ...marks(id, error) });
  return `<div class="field"><label for="${escapeHtml(id)}">${escapeHtml(label)}${required ? '' : ' <span class="optional">(optional)</span>'}</label><input ${input}>${errorHtml(id, error)}</div>`;
}

/** Ticked again only where she has seen the words as they are. */
function consentHtml(words: string, typed: Typed, error: string | undefined): string {
  return checkHtml(CONSENT, agreementTo(words), multiline(words), true, typed.get(CONSENT) === agreementTo(words), error);
}

/** @param labelHtml escaped already */
function checkHtml(name: string, value: string, labelHtml: string, required: boolean, checked: boolean, error: string | undefined): string {
  const id = `f-${name}`;
  const input = attributesOf({ id, type: 'checkbox', name, value, checked, required, ...marks(id, error) });
  return `<div class="field"><label class="check"><input ${input}><span>${labelHtml}</span></label>${errorHtml(id, error)}</div>`;
}

const marks = (id: string, error: string | undefined) => (error === undefined ? {} : { 'aria-invalid': 'true', 'aria-describedby': `${id}-error` });
const errorHtml = (id: string, error: string | undefined) => (error === undefined ? '' : `<p class="error" id="${escapeHtml(id)}-error">${escapeHtml(error)}</p>`);
const titleOf = (form: Pick<FormRecord, 'title' | 'name'>) => (form.title === '' ? form.name : form.title);

/** The answer to every sign-up that wants a confirmation, whether a mail goes out or not. */
export function checkMailPage(email: string, { organization, isFramed }: Setting): string {
  return page({
    title: 'Check your mail', from: organization, isFramed,
    body: `<p>We are sending a link to <strong>${escapeHtml(email)}</strong>. Open it within ${CONFIRM_DAYS} days: only then are you signed up.</p><p class="soft">Nothing there after a few minutes? Look into the folder for spam, or check the address.</p>`,
  });
}

/** She is signed up. Inside another page's frame the way onward is a link that leaves the frame. */
export function thanksPage(form: Pick<FormRecord, 'thanksText' | 'redirectUrl'> | null, { organization, isFramed }: Setting): string {
  const words = form === null || form.thanksText.trim() === '' ? '<p>You are signed up.</p>' : paragraphs(form.thanksText);
  const onward = form?.redirectUrl ?? null;
  return page({ title: 'Thank you', from: organization, isFramed, body: onward === null ? words : `${words}<p><a href="${escapeHtml(onward)}" target="_top">Go on</a></p>` });
}

/** The link of a confirmation opened: programs that look at links ahead of people change nothing by it. */
export function confirmPage(title: string, organization: string): string {
  return page({
    title: 'Confirm your sign-up', from: organization,
    body: `<p>One click, and you are signed up for <strong>${escapeHtml(title)}</strong>.</p><form method="post" action="?"><button type="submit">Confirm</button></form><p class="soft" style="margin-top:1.5rem">If this was not you, close this page: you get no mail.</p>`,
  });
}

export const formPages = {
  closed: ({ organization, isFramed }: Setting) => page({ title: 'This form is closed', from: organization, isFramed, body: '<p>It takes no sign-ups at the moment.</p>' }),
  unknown: (isFramed: boolean) => page({ title: 'There is no form here', isFramed, body: '<p>The address is incomplete, or the form was taken down.</p>' }),
  unknownLink: page({ title: 'This link leads nowhere', body: '<p>It is incomplete or was changed. Open it again from the mail.</p>' }),
  expired: (organization: string) => page({ title: 'This link has expired', from: organization, body: `<p>Links to confirm a sign-up work for ${CONFIRM_DAYS} days. Please sign up once more.</p>` }),
  tooOften: (seconds: number, isFramed: boolean) => page({ title: 'Please wait a moment', isFramed, body: `<p>Too many sign-ups came from your network. Try again in ${seconds} seconds; going back keeps what you typed.</p>` }),
  unreadable: (isFramed: boolean) => page({ title: 'This could not be read', isFramed, body: '<p>What was sent is too large or not in the form a web page sends it.</p>' }),
  later: (isFramed: boolean) => page({ title: 'Please try again', isFramed, body: '<p>Something is not available at the moment. Please try again in a minute; going back keeps what you typed.</p>' }),
};
