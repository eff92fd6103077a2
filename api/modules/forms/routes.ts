import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { CONFIRM_URL } from '../../../infra/forms/confirmation.ts';
import { FormDraft, FormPreview } from './preview.ts';
import { FormView, signUpStates, SignUpView } from './views.ts';

const tag = 'forms';
const params = z.strictObject({ id: z.uuid() });
const name = z.string().trim().min(1, 'Give the form a name.').max(150);
const text = (max: number) => z.string().trim().max(max);
const field = z.strictObject({ field: z.string().min(1).max(71), label: z.string().trim().min(1, 'Give the field a label.').max(100), required: z.boolean().default(false) });
const webAddress = z.string().trim().max(2_000).refine((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol), { message: 'Expected an address like https://example.com/thanks.' });

/** What may be set of a form beside its name. */
const settings = {
  title: text(200).optional(), intro: text(2_000).optional(), consentText: text(2_000).optional(), buttonLabel: text(60).min(1, 'Give the button a label.').optional(),
  fields: z.array(field).max(30).optional(),
  thanksText: text(2_000).optional(), redirectUrl: webAddress.nullable().optional(),
  listIds: z.array(z.uuid()).min(1, 'Choose at least one list.').max(20).optional(),
  doubleOptIn: z.boolean().optional(), connectionId: z.uuid().nullable().optional(),
  confirmSubject: text(250).min(1, 'Write a subject line.').optional(),
  confirmText: text(10_000).refine((words) => words.includes(CONFIRM_URL), { message: `The text must hold ${CONFIRM_URL}, where the link goes.` }).optional(),
  enabled: z.boolean().optional(),
};

export const formRoutes = [
  route({
    method: 'get', path: '/forms', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'Sign-up forms by name.',
    query: z.strictObject({ ...listQuery, search: z.string().max(200).optional() }), reply: listReply(FormView),
    handle: ({ org, query, services }) => services.forms.list(org, query),
  }),
  route({
    method: 'post', path: '/forms', capability: 'lists.manage', tag, scope: 'lists:write', status: 201, summary: 'Adds a sign-up form; what is not given has a sensible default.',
    body: z.strictObject({ ...settings, name, listIds: settings.listIds.unwrap() }), reply: FormView,
    handle: ({ org, actor, body, services }) => services.forms.create(org, actor.name, body),
  }),
  route({
    method: 'post', path: '/forms/preview', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'The pages of a form that is being written; nothing is kept.', body: FormDraft, reply: FormPreview,
    handle: ({ org, body, services }) => services.forms.preview(org, body),
  }),
  route({
    method: 'get', path: '/forms/:id', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'One sign-up form with its address and the HTML to embed it.', params, reply: FormView,
    handle: ({ org, params: { id }, services }) => services.forms.get(org, id),
  }),
  route({
    method: 'patch', path: '/forms/:id', capability: 'lists.manage', tag, scope: 'lists:write', summary: 'Changes a sign-up form, or switches it on or off.', params,
    body: z.strictObject({ version: z.number().int(), name: name.optional(), ...settings }), reply: FormView,
    handle: ({ org, actor, params: { id }, body, services }) => services.forms.update(org, actor.name, id, body),
  }),
  route({
    method: 'delete', path: '/forms/:id', capability: 'lists.manage', tag, scope: 'lists:write', summary: 'Deletes a sign-up form; its address leads nowhere from then on, the kept consents stay.', params, reply: null,
    handle: ({ org, actor, params: { id }, services }) => services.forms.remove(org, actor.name, id),
  }),
  route({
    method: 'get', path: '/forms/:id/sign-ups', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'Who signed up by a form, newest first.', params,
    query: z.strictObject({ ...listQuery, state: z.enum(signUpStates).optional() }), reply: listReply(SignUpView),
    handle: ({ org, params: { id }, query, services }) => services.forms.signUps(org, id, query),
  }),
];
