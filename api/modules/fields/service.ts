import type { CustomField, FieldType } from '#domain/customer/fields.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { addField, HOLD_FIELDS } from '../../../infra/fields/catalogue.ts';
import { countFields, type FieldNumbers } from '../../../search/field-numbers.ts';
import { fieldUses } from './uses.ts';
import { FIELDS, toFieldDetail, toFieldView, type FieldRecord } from './views.ts';

export type FieldService = ReturnType<typeof createFieldService>;

/** The catalogue of custom fields. */
export function createFieldService({ tenants, gateway, logger }: Pick<Container, 'tenants' | 'gateway' | 'logger'>) {
  const readAll = (sql: Sql) => sql.rows<FieldRecord>(`${FIELDS} order by field_no`);
  const find = (fields: readonly FieldRecord[], key: string): FieldRecord => {
    const field = fields.find((each) => each.key === key);
    if (field === undefined) throw notFound('field');
    return field;
  };
  /** The row says what is to be done: what could not be started now the sweep starts within a minute. */
  const leftToSweep = (orgId: string) => (error: unknown) => logger.warn({ err: error, orgId }, 'the work on a field waits for the sweep');

  return {
    list: (orgId: string) => tenants.use(orgId, async ({ sql }) => {
      const fields = await readAll(sql);
      return { data: fields.map((field) => toFieldView(field, fields)) };
    }),

    /** With numbers from the index and what uses each field. While the index is away the fields are shown without numbers, and `problem` says why. */
    details: (orgId: string) => tenants.use(orgId, async (tenant) => {
      gateway.nudgeOutbox(orgId);
      const fields = await readAll(tenant.sql);
      const uses = await fieldUses(tenant.sql, fields);
      let numbers: FieldNumbers | null = null;
      let problem: string | null = null;
      try {
        numbers = await countFields(tenant);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
        problem = error.message;
      }
      return { customers: numbers?.customers ?? null, problem, data: fields.map((field) => toFieldDetail(field, fields, numbers, uses.get(field.no) ?? [])) };
    }),

    /**
     * Adds a field. Case is significant: a key that differs from another only by case is taken and pointed out.
     * @throws AppError `invalid` for a key that cannot be, `conflict` for one that is there or is being taken away
     */
    create: (orgId: string, input: { key: string; label?: string | undefined; type: FieldType }) => tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
      const { twin, ...field } = await addField(tx, { key: input.key, label: input.label ?? input.key, type: input.type });
      return { ...toFieldView({ ...field, wantedType: field.type }, twin === null ? [] : [{ key: twin }]), notice: twin === null ? null : `The field ${twin} differs from this one only by case.` };
    })),

    /** The label changes at once. A new type is what the next version of the index is built with; until then the field reads on with the old one. */
    update: async (orgId: string, key: string, input: { label?: string | undefined; type?: FieldType | undefined }) => {
      const { view, rebuild } = await tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
        await tx.run(HOLD_FIELDS);
        const { no } = find(await readAll(tx), key);
        await tx.run('update custom_field set label = coalesce($2, label), wanted_type = coalesce($3, wanted_type) where field_no = $1', [no, input.label ?? null, input.type ?? null]);
        const fields = await readAll(tx);
        const rebuild = await tx.first('select 1 as found from custom_field where field_no = $1 and (wanted_type <> type or wanted_type <> next_type)', [no]);
        return { view: toFieldView(find(fields, key), fields), rebuild: input.type !== undefined && rebuild !== undefined };
      }));
      if (rebuild) await gateway.startReindex({ orgId, reason: 'fields' }).catch(leftToSweep(orgId));
      return view;
    },

    /**
     * Takes an unused field away: it is gone from every screen at once, its values follow in the background.
     * @throws AppError `conflict` with the uses
     */
    remove: async (orgId: string, key: string): Promise<void> => {
      const { no } = await tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
        await tx.run(HOLD_FIELDS);
        const fields: readonly CustomField[] = await readAll(tx);
        const field = find(fields as readonly FieldRecord[], key);
        // A segment that is being saved with it holds the row, and is seen once this lock is had.
        await tx.run('select 1 from custom_field where field_no = $1 for update', [field.no]);
        const uses = (await fieldUses(tx, fields)).get(field.no) ?? [];
        if (uses.length > 0) throw new AppError('conflict', `This field is in use and cannot be deleted. Used by: ${uses.slice(0, 20).map((use) => `${use.kind} “${use.name}”`).join(', ')}${uses.length > 20 ? ` and ${uses.length - 20} more` : ''}.`);
        await tx.run('update custom_field set removing = true where field_no = $1', [field.no]);
        return field;
      }));
      await gateway.removeField({ orgId, fieldNo: no }).catch(leftToSweep(orgId));
    },
  };
}
