import { z } from 'zod';

/** What may be asked beside the address: fields of a customer that a stranger may fill. */
export const formFields = ['first_name', 'last_name', 'phone', 'city', 'country'] as const;

export const FormField = z.object({
  /** `first_name`, `last_name`, `phone`, `city`, `country`, or `custom.` and the key of a custom field. */
  field: z.string(), label: z.string(), required: z.boolean(),
}).meta({ id: 'FormField' });
export type FormField = z.infer<typeof FormField>;

export const FormView = z.object({
  id: z.string(), name: z.string(),
  title: z.string(), intro: z.string(), consentText: z.string(), buttonLabel: z.string(), fields: z.array(FormField), thanksText: z.string(),
  /** Where people go once they are signed up, instead of the thanks. */
  redirectUrl: z.string().nullable(),
  lists: z.array(z.object({ id: z.string(), name: z.string() })),
  doubleOptIn: z.boolean(), connectionId: z.string().nullable(), confirmSubject: z.string(), confirmText: z.string(),
  enabled: z.boolean(),
  /** What keeps it from working as it is set up; empty when all is well. */
  problems: z.array(z.string()),
  /** The hosted page. */
  url: z.string(),
  /** Pieces of HTML for other sites: a plain form, and a frame around the hosted page. */
  embed: z.object({ html: z.string(), frame: z.string() }),
  signUps: z.number().int(), confirmed: z.number().int(),
  version: z.number().int(), createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'Form' });

export const signUpStates = ['pending', 'confirmed', 'expired'] as const;
export const mailStates = ['none', 'queued', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'] as const;

/** One sign-up: the kept proof of consent. Of one that was never confirmed only the times are left. */
export const SignUpView = z.object({
  no: z.number().int(), email: z.string().nullable(), state: z.enum(signUpStates),
  /** The mail with the link; `skipped`: the address is suppressed for another reason than `unsubscribed`. */
  mailState: z.enum(mailStates), mailReply: z.string().nullable(),
  answers: z.record(z.string(), z.string()),
  /** The words she agreed to. */
  consentText: z.string(), doubleOptIn: z.boolean(),
  customerId: z.number().int().nullable(),
  createdAt: z.string(), confirmedAt: z.string().nullable(), expiresAt: z.string().nullable(),
}).meta({ id: 'SignUp' });

export interface FormRecord {
  readonly id: string; readonly no: number; readonly name: string;
  readonly title: string; readonly intro: string; readonly consentText: string; readonly buttonLabel: string; readonly fields: readonly FormField[]; readonly thanksText: string; readonly redirectUrl: string | null;
  readonly doubleOptIn: boolean; readonly connectionId: string | null; readonly confirmSubject: string; readonly confirmText: string;
  readonly enabled: boolean; readonly version: number; readonly createdAt: Date; readonly updatedAt: Date;
  readonly lists: readonly { readonly id: string; readonly name: string }[];
  /** Of its connection; null without one. */
  readonly connection: { readonly name: string; readonly enabled: boolean; readonly fromEmail: string | null } | null;
  readonly signUps: number; readonly confirmed: number;
}

export const FORM = /* sql */ `
select f.id::text, f.no, f.name, f.title, f.intro, f.consent_text as "consentText", f.button_label as "buttonLabel", f.fields, f.thanks_text as "thanksText", f.redirect_url as "redirectUrl",
  f.double_opt_in as "doubleOptIn", f.connection_id::text as "connectionId", f.confirm_subject as "confirmSubject", f.confirm_text as "confirmText", f.enabled, f.version, f.created_at as "createdAt", f.updated_at as "updatedAt",
  (select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name) order by lower(l.name)), '[]') from sign_up_form_list fl join list l on l.id = fl.list_id where fl.form_id = f.id) as lists,
  (select jsonb_build_object('name', c.name, 'enabled', c.enabled, 'fromEmail', c.from_email) from connection c where c.id = f.connection_id) as connection,
  (select count(*)::int from sign_up s where s.form_id = f.id) as "signUps", (select count(*)::int from sign_up s where s.form_id = f.id and s.state = 'confirmed') as confirmed
from sign_up_form f`;

export function toFormView(form: FormRecord, made: { readonly url: string; readonly embed: { readonly html: string; readonly frame: string } }): z.input<typeof FormView> {
  return {
    id: form.id, name: form.name, title: form.title, intro: form.intro, consentText: form.consentText, buttonLabel: form.buttonLabel,
    fields: form.fields.map(({ field, label, required }) => ({ field, label, required })), thanksText: form.thanksText, redirectUrl: form.redirectUrl,
    lists: form.lists.map(({ id, name }) => ({ id, name })), doubleOptIn: form.doubleOptIn, connectionId: form.connectionId, confirmSubject: form.confirmSubject, confirmText: form.confirmText,
    enabled: form.enabled, problems: problemsOf(form), url: made.url, embed: made.embed, signUps: form.signUps, confirmed: form.confirmed,
    version: form.version, createdAt: form.createdAt.toISOString(), updatedAt: form.updatedAt.toISOString(),
  };
}

/** A connection that cannot send holds confirmations back: people sign up and hear nothing. */
function problemsOf({ doubleOptIn, connection }: FormRecord): string[] {
  if (!doubleOptIn) return [];
  if (connection === null) return ['Choose a connection: without one no confirmation can be sent.'];
  return [
    ...(connection.enabled ? [] : [`The connection ${connection.name} is disabled: confirmations wait until it is enabled, a day at most.`]),
    ...(connection.fromEmail === null ? [`The connection ${connection.name} has no From Email: give it one, or choose another connection.`] : []),
  ];
}

export interface SignUpRecord {
  readonly no: number; readonly email: string | null; readonly state: (typeof signUpStates)[number]; readonly mailState: (typeof mailStates)[number]; readonly mailReply: string | null;
  readonly answers: Readonly<Record<string, string>>; readonly consentText: string; readonly doubleOptIn: boolean; readonly customerId: number | null;
  readonly createdAt: Date; readonly confirmedAt: Date | null; readonly expiresAt: Date | null;
}

export const SIGN_UP = /* sql */ `
select no, email, state, mail_state as "mailState", mail_reply as "mailReply", answers, consent_text as "consentText", double_opt_in as "doubleOptIn", customer_id as "customerId",
  created_at as "createdAt", confirmed_at as "confirmedAt", expires_at as "expiresAt" from sign_up`;

export function toSignUpView(row: SignUpRecord): z.input<typeof SignUpView> {
  return {
    no: row.no, email: row.email, state: row.state, mailState: row.mailState, mailReply: row.mailReply, answers: { ...row.answers }, consentText: row.consentText, doubleOptIn: row.doubleOptIn,
    customerId: row.customerId, createdAt: row.createdAt.toISOString(), confirmedAt: row.confirmedAt?.toISOString() ?? null, expiresAt: row.expiresAt?.toISOString() ?? null,
  };
}
