import { z } from 'zod';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql, Transaction } from '../../../infra/db/sql.ts';
import { defaultConfirmation } from '../../../infra/forms/confirmation.ts';
import { newId } from '../../../infra/ids.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { formUrl } from '../../forms/address.ts';
import { embedOf } from '../../forms/embed.ts';
import { widgetsOf } from '../../forms/widgets.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { nameTaken } from '../segments/uses.ts';
import { previewOf, type FormDraft } from './preview.ts';
import { FORM, formFields, SIGN_UP, toFormView, toSignUpView, type FormField, type FormRecord, type SignUpRecord } from './views.ts';

export interface FormEdit {
  readonly name?: string | undefined; readonly title?: string | undefined; readonly intro?: string | undefined; readonly consentText?: string | undefined; readonly buttonLabel?: string | undefined;
  readonly fields?: readonly FormField[] | undefined; readonly thanksText?: string | undefined; readonly redirectUrl?: string | null | undefined; readonly listIds?: readonly string[] | undefined;
  readonly doubleOptIn?: boolean | undefined; readonly connectionId?: string | null | undefined; readonly confirmSubject?: string | undefined; readonly confirmText?: string | undefined;
  readonly enabled?: boolean | undefined;
}

export type FormService = ReturnType<typeof createFormService>;

/** Sign-up forms. What one uses (lists, custom fields, a connection) cannot be deleted while it does. */
export function createFormService({ tenants, secrets, config }: Pick<Container, 'tenants' | 'secrets' | 'config'>) {
  const ids = createTrackingIds(secrets);

  async function view({ org, sql }: Pick<Tenant, 'org' | 'sql'>, forms: readonly FormRecord[]) {
    const widgets = await widgetsOf(sql, forms.flatMap((form) => form.fields));
    return forms.map((form) => {
      const url = formUrl(config, ids, org.no, form.no);
      return toFormView(form, { url, embed: embedOf(form, widgets, url) });
    });
  }
  async function one(tenant: Tenant, id: string) {
    return (await view(tenant, [await find(tenant.sql, id)]))[0]!;
  }

  return {
    list: (orgId: string, query: ListQuery & { readonly search?: string | undefined }) => tenants.use(orgId, async (tenant) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
      const found = 'position($1 in lower(f.name)) > 0';
      const search = query.search?.trim().toLowerCase() ?? '';
      const rows = await tenant.sql.rows<FormRecord>(
        `${FORM} where ${found} and ($2::text is null or (lower(f.name), f.id) > (lower($2), $3::uuid)) order by lower(f.name), f.id limit $4`, [search, after?.[0] ?? null, after?.[1] ?? null, query.limit + 1]);
      const { nextCursor, data } = toPage(rows, query.limit, (row) => [row.name, row.id], (row) => row);
      const page = { nextCursor, data: await view(tenant, data) };
      return query.count === true ? { ...page, count: (await tenant.sql.first<{ n: number }>(`select count(*) as n from sign_up_form f where ${found}`, [search]))!.n } : page;
    }),

    get: (orgId: string, id: string) => tenants.use(orgId, (tenant) => one(tenant, id)),

    preview: (orgId: string, draft: z.output<typeof FormDraft>) => tenants.use(orgId, async ({ org, sql }) => previewOf(draft, await widgetsOf(sql, draft.fields), org.name)),

    /** What is not given: its name as the title, double opt-in over the oldest connection that can send, a confirmation in plain words. */
    create: (orgId: string, actor: string, input: FormEdit & { readonly name: string; readonly listIds: readonly string[] }) => tenants.use(orgId, async (tenant) => {
      const id = newId();
      const words = defaultConfirmation(tenant.org.name);
      await nameTaken(() => tenant.sql.transaction(async (tx) => {
        const connectionId = input.connectionId === undefined && input.doubleOptIn !== false ? await ableConnection(tx) : input.connectionId;
        await tx.run(`insert into sign_up_form (id, name, title, confirm_subject, confirm_text, version) values ($1, $2, $2, $3, $4, 0)`, [id, input.name, words.subject, words.text]);
        await write(tx, { id, doubleOptIn: true, connectionId: null }, { ...input, connectionId });
        await note(tx, actor, 'form.created', id, input.name);
      }), 'form');
      return one(tenant, id);
    }),

    /** @throws AppError `conflict` when somebody else saved in between */
    update: (orgId: string, actor: string, id: string, { version, ...edit }: FormEdit & { readonly version: number }) => tenants.use(orgId, async (tenant) => {
      await nameTaken(() => tenant.sql.transaction(async (tx) => {
        if ((await tx.first('select 1 as found from sign_up_form where id = $1 for update', [id])) === undefined) throw notFound('form');
        const held = await find(tx, id);
        if (held.version !== version) throw new AppError('conflict', 'Somebody changed this form meanwhile. Load it again, then repeat your change.');
        await write(tx, held, edit);
        await note(tx, actor, 'form.changed', id, edit.name ?? held.name);
      }), 'form');
      return one(tenant, id);
    }),

    /** Its address leads nowhere from now on; consents that were given stay, under its name. */
    remove: (orgId: string, actor: string, id: string) => tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
      const gone = await tx.first<{ name: string }>('delete from sign_up_form where id = $1 returning name', [id]);
      if (gone === undefined) throw notFound('form');
      await note(tx, actor, 'form.deleted', id, gone.name);
    })),

    signUps: (orgId: string, id: string, query: ListQuery & { readonly state?: string | undefined }) => tenants.use(orgId, async ({ sql }) => {
      await find(sql, id);
      const after = decodeCursor(query.cursor, z.tuple([z.int()]));
      const where = 'form_id = $1 and ($2::text is null or state = $2)';
      const rows = await sql.rows<SignUpRecord>(`${SIGN_UP} where ${where} and ($3::bigint is null or no < $3) order by no desc limit $4`, [id, query.state ?? null, after?.[0] ?? null, query.limit + 1]);
      const page = toPage(rows, query.limit, (row) => [row.no], toSignUpView);
      return query.count === true ? { ...page, count: (await sql.first<{ n: number }>(`select count(*) as n from sign_up where ${where}`, [id, query.state ?? null]))!.n } : page;
    }),
  };
}

async function find(sql: Pick<Sql, 'first'>, id: string): Promise<FormRecord> {
  const form = await sql.first<FormRecord>(`${FORM} where f.id = $1`, [id]);
  if (form === undefined) throw notFound('form');
  return form;
}

const columns = {
  name: 'name', title: 'title', intro: 'intro', consentText: 'consent_text', buttonLabel: 'button_label', fields: 'fields', thanksText: 'thanks_text', redirectUrl: 'redirect_url',
  doubleOptIn: 'double_opt_in', connectionId: 'connection_id', confirmSubject: 'confirm_subject', confirmText: 'confirm_text', enabled: 'enabled',
} as const;

/** Writes what is given into a form that is locked, after holding what it names. @throws AppError `invalid` with every field that names what is not there */
async function write(tx: Transaction, held: { readonly id: string; readonly doubleOptIn: boolean; readonly connectionId: string | null }, { listIds, ...edit }: FormEdit): Promise<void> {
  const lists = listIds === undefined ? undefined : [...new Set(listIds.map((listId) => listId.toLowerCase()))];
  const problems = [
    ...(lists === undefined ? [] : await missingLists(tx, lists)),
    ...(edit.fields === undefined ? [] : await missingFields(tx, edit.fields)),
    ...(await unableConnection(tx, { ...held, ...defined(edit) }, edit.connectionId !== undefined)),
  ];
  if (problems[0] !== undefined) throw new AppError('invalid', problems[0].message, problems);
  const given = Object.entries(columns).filter(([name]) => edit[name as keyof typeof columns] !== undefined);
  const values = given.map(([name]) => (name === 'fields' ? JSON.stringify(edit.fields) : edit[name as keyof typeof columns]));
  await tx.run(`update sign_up_form set ${[...given.map(([, column], i) => `${column} = $${i + 2}`), 'version = version + 1', 'updated_at = now()'].join(', ')} where id = $1`, [held.id, ...values]);
  if (lists === undefined) return;
  await tx.run('delete from sign_up_form_list where form_id = $1 and not list_id = any($2::uuid[])', [held.id, lists]);
  await tx.run('insert into sign_up_form_list (form_id, list_id) select $1, l from unnest($2::uuid[]) u(l) on conflict do nothing', [held.id, lists]);
}

const defined = (edit: FormEdit) => ({ ...(edit.doubleOptIn === undefined ? {} : { doubleOptIn: edit.doubleOptIn }), ...(edit.connectionId === undefined ? {} : { connectionId: edit.connectionId }) });

async function missingLists(tx: Transaction, ids: readonly string[]) {
  // Held: who deletes a list locks it before looking for uses.
  const known = new Set((await tx.rows<{ id: string }>('select id::text from list where id = any($1::uuid[]) order by id for key share', [ids])).map((row) => row.id));
  return ids.flatMap((id, i) => (known.has(id) ? [] : [{ field: `listIds[${i}]`, message: 'This list does not exist.' }]));
}

async function missingFields(tx: Transaction, fields: readonly FormField[]) {
  const keys = fields.flatMap(({ field }) => (field.startsWith('custom.') ? [field.slice('custom.'.length)] : []));
  const known = new Set((await tx.rows<{ key: string }>('select key from custom_field where key = any($1) and not removing order by field_no for key share', [keys])).map((row) => `custom.${row.key}`));
  return fields.flatMap(({ field }, i) => {
    const at = `fields[${i}].field`;
    if (fields.findIndex((each) => each.field === field) < i) return [{ field: at, message: 'This field is asked for already.' }];
    if (known.has(field) || (formFields as readonly string[]).includes(field)) return [];
    if (field.startsWith('custom.')) return [{ field: at, message: `There is no custom field ${field.slice('custom.'.length)}. Add it under Fields first.` }];
    return [{ field: at, message: `A form can ask for ${formFields.join(', ')} and custom fields, written custom.plan.` }];
  });
}

/** A connection that is named must be there; with double opt-in there must be one, with a sender. */
async function unableConnection(tx: Transaction, form: { readonly doubleOptIn: boolean; readonly connectionId: string | null }, isNamed: boolean) {
  const at = (message: string) => [{ field: 'connectionId', message }];
  if (form.connectionId === null) return form.doubleOptIn ? at('Choose the connection that sends the confirmations.') : [];
  const connection = await tx.first<{ name: string; fromEmail: string | null }>('select name, from_email as "fromEmail" from connection where id = $1 for key share', [form.connectionId]);
  if (connection === undefined) return at('This connection does not exist.');
  if (form.doubleOptIn && connection.fromEmail === null && isNamed) return at(`The connection ${connection.name} has no From Email: give it one, or choose another.`);
  return [];
}

async function ableConnection(tx: Transaction): Promise<string> {
  const connection = await tx.first<{ id: string }>('select id::text from connection where enabled and from_email is not null order by created_at, id limit 1');
  if (connection === undefined) throw refuse('connectionId', 'No connection can send the confirmations: add one with a From Email under SMTP, or switch double opt-in off.');
  return connection.id;
}

async function note(tx: Transaction, actor: string, action: string, id: string, name: string): Promise<void> {
  await tx.run(`insert into audit (actor, action, subject, detail) values ($1, $2, $3, jsonb_build_object('name', $4::text))`, [actor, action, `form ${id}`, name]);
}
