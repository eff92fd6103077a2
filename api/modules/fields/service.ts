import { fieldKeyProblem, freeSlot, type CustomField, type FieldType } from '#domain/customer/fields.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { toFieldView } from './views.ts';

export type FieldService = ReturnType<typeof createFieldService>;

export function createFieldService({ tenants }: Pick<Container, 'tenants'>) {
  return {
    list: (orgId: string) => tenants.use(orgId, async (tenant) => ({ data: (await readCatalogue(tenant)).map(toFieldView) })),
    /** @throws AppError `invalid` for a key that cannot be, `conflict` for one that is there, by case too */
    create: (orgId: string, input: { key: string; label?: string | undefined; type: FieldType }) => tenants.use(orgId, (tenant) => tenant.sql.transaction(async (tx) => {
      const problem = fieldKeyProblem(input.key);
      if (problem !== null) throw refuse('key', problem);
      await tx.run('lock table custom_field in share row exclusive mode');
      const present = await tx.rows<CustomField>('select field_no as no, key, label, type, slot from custom_field');
      const twin = present.find((field) => field.key.toLowerCase() === input.key.toLowerCase());
      if (twin !== undefined) {
        const message = twin.key === input.key ? 'This field exists already.' : `The field ${twin.key} differs only by case. Use it, or choose another key.`;
        throw new AppError('conflict', message, [{ field: 'key', message }]);
      }
      const slot = freeSlot(input.type, new Set(present.flatMap((field) => (field.slot === null ? [] : [field.slot]))));
      const made = await tx.first<CustomField>(
        'insert into custom_field (key, label, type, slot) values ($1, $2, $3, $4) returning field_no as no, key, label, type, slot', [input.key, input.label ?? input.key, input.type, slot]);
      return toFieldView(made!);
    })),
  };
}
