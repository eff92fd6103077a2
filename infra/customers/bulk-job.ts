import type { CustomerFilter } from '../../search/population.ts';
import type { AddressReading } from './address-file.ts';

/** What a bulk job is to do, as its row keeps it. The selection goes when it ends: a filter may name a person. */
export interface BulkOptions {
  /** Where suppressions of it are said to come from. */
  readonly source: 'manual' | 'api';
  readonly list?: { readonly id: string; readonly name: string };
  readonly neverMail?: boolean;
  readonly note?: string;
  readonly selection: { readonly ids: readonly number[] } | { readonly filter: CustomerFilter } | { readonly file: AddressReading };
}
