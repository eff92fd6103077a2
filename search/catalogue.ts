import type { CustomField } from '#domain/customer/fields.ts';
import type { SearchScope } from './scope.ts';

/** Every custom field of the organization, by number. */
export function readCatalogue(scope: Pick<SearchScope, 'sql'>): Promise<CustomField[]> {
  return scope.sql.rows<CustomField>('select field_no as no, key, label, type, slot from custom_field order by field_no');
}
