import type { CustomField } from '#domain/customer/fields.ts';
import { AppError } from '#domain/shared/errors.ts';
import { customerIndex } from './names.ts';
import type { SearchScope } from './scope.ts';

/** One version of an organization's index with what its documents are made by. */
export interface IndexVersion {
  readonly index: string;
  readonly version: number;
  readonly isLive: boolean;
  /** Where its plain dates begin and its days are counted. */
  readonly zone: string;
  /** Types and slots as this version has them. */
  readonly catalogue: readonly CustomField[];
}

const FIELDS = (type: string, slot: string) => `coalesce((select json_agg(json_build_object('no', field_no, 'key', key, 'label', label, 'type', ${type}, 'slot', ${slot}) order by field_no) from custom_field where not removing), '[]')`;

// One statement: a version and its catalogue change hands in one transaction, and no reader sees one without the other.
const LIVE = /* sql */ `select version, timezone as zone, true as "isLive", ${FIELDS('type', 'slot')} as catalogue from search_index where state = 'live'`;
const BUILDING = /* sql */ `select version, timezone as zone, false as "isLive", ${FIELDS('coalesce(next_type, type)', 'next_slot')} as catalogue from search_index where state = 'building'`;

type Row = Omit<IndexVersion, 'index'>;

/** The version reads go to. @throws AppError `unavailable` while the organization has none */
export async function liveIndex(scope: Pick<SearchScope, 'org' | 'sql'>): Promise<IndexVersion> {
  const row = await scope.sql.first<Row>(LIVE);
  if (row === undefined) throw new AppError('unavailable', 'The search index is being set up. Try again in a few seconds.');
  return { ...row, index: customerIndex(scope.org.id, row.version) };
}

/** The versions changes are written to: the live one, and the one being built. */
export async function writtenIndexes(scope: Pick<SearchScope, 'org' | 'sql'>): Promise<IndexVersion[]> {
  const rows = await scope.sql.rows<Row>(`${LIVE} union all ${BUILDING}`);
  return rows.map((row) => ({ ...row, index: customerIndex(scope.org.id, row.version) }));
}

/** The version being built, if one is. */
export async function buildingIndex(scope: Pick<SearchScope, 'org' | 'sql'>): Promise<IndexVersion | null> {
  const row = await scope.sql.first<Row>(BUILDING);
  return row === undefined ? null : { ...row, index: customerIndex(scope.org.id, row.version) };
}
