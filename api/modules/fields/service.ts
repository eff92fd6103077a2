import { fieldKeyProblem, freeSlot, type CustomField, type FieldType } from '#domain/customer/fields.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { toFieldView } from './views.ts';

export type FieldService = ReturnType<typeof createFieldService>;

/** The catalogue of custom fields. */
export function createFieldService({ tenants }: Pick<Container, 'tenants'>) {
  return {
    list: (orgId: string) => tenants.use(orgId, async (tenant) => ({ data: (await readCatalogue(tenant)).map(toFieldView) })),
    /**
     * Adds a field in the lowest free slot of its type. Case is significant: a key that differs from another only by
     * case is taken and pointed out.
     * @throws AppError `invalid` for a key that cannot be, `conflict` for one that is there
     */
    create: (orgId: string, input: { key: string; label?: string | undefined; type: FieldType }) => tenants.use(orgId, (tenant) => tenant.sql.transaction(async (tx) => {
      const problem = fieldKeyProblem(input.key);
      if (problem !== null) throw refuse('key', problem);
      await tx.run('lock table custom_field in share row exclusive mode');
      const present = await tx.rows<CustomField>('select field_no as no, key, label, type, slot from custom_field');
      if (present.some((field) => field.key === input.key)) {
        const message = 'This field exists already.';
        throw new AppError('conflict', message, [{ field: 'key', message }]);
      }
      const twin = present.find((field) => field.key.toLowerCase() === input.key.toLowerCase());
      const slot = freeSlot(input.type, new Set(present.flatMap((field) => (field.slot === null ? [] : [field.slot]))));
      const made = await tx.first<CustomField>(
        'insert into custom_field (key, label, type, slot) values ($1, $2, $3, $4) returning field_no as no, key, label, type, slot', [input.key, input.label ?? input.key, input.type, slot]);
      return { ...toFieldView(made!), notice: twin === undefined ? null : `The field ${twin.key} differs from this one only by case.` };
    })),
  };
}
