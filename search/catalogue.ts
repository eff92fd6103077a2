import type { CustomField } from '#domain/customer/fields.ts';
import type { SearchScope } from './scope.ts';

/** Every custom field of the organization, by number, with the type and place it has in the live index. */
export function readCatalogue(scope: Pick<SearchScope, 'sql'>): Promise<CustomField[]> {
  return scope.sql.rows<CustomField>('select field_no as no, key, label, type, slot from custom_field where not removing order by field_no');
}
