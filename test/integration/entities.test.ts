import { afterAll, beforeAll, expect, test } from 'vitest';
import { organizationEntities } from '../../infra/db/organization/entities/index.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** Entities and the migration say the same: a column that only one of them knows is lost by a copy, or fails at the first write. */

let organization: TestOrganization;
beforeAll(async () => {
  organization = await createTestOrganization();
});
afterAll(() => organization.close());

interface Column {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly default: string | null;
}

const entities = organizationEntities.map((entity) => ({ name: entity.name, entity }));

test.each(entities)('$name has the columns of its table, of the same type, nullability and default', async ({ entity }) => {
  const { mapped, made } = await organization.container.tenants.use(organization.orgId, async ({ em, sql }) => {
    const { tableName, props } = em.getMetadata().get<object>(entity);
    // A view shows what its table promises.
    const made = await sql.rows<Column>(
      `select column_name as name, udt_name::regtype::text as type, is_nullable = 'YES' as nullable, column_default as default from information_schema.columns
        where table_schema = 'public' and table_name = coalesce((select min(table_name) from information_schema.view_column_usage where view_name = $1), $1)
          and column_name in (select column_name from information_schema.columns where table_schema = 'public' and table_name = $1)`, [tableName]);
    const mapped = props.filter((prop) => prop.persist !== false).map((prop) => ({ name: prop.fieldNames[0]!, type: prop.columnTypes[0]!, nullable: prop.nullable === true, default: prop.defaultRaw ?? null }));
    // Both spell types and defaults in their own way: Postgres reads them.
    const read = async (column: Column): Promise<Column> => (await sql.first<Column>(
      `select $1::text as name, $2::regtype::text as type, $3::boolean as nullable, (${column.default ?? 'null'})::${column.type}::text as default`, [column.name, column.type, column.nullable]))!;
    const byName = (a: Column, b: Column) => (a.name < b.name ? -1 : 1);
    // Times of making are set by the entity; the database's default serves plain SQL.
    const withoutClock = (column: Column) => (column.default === 'now()' ? { ...column, default: null } : column);
    return { mapped: (await Promise.all(mapped.map(read))).sort(byName), made: (await Promise.all(made.map(withoutClock).map(read))).sort(byName) };
  });
  expect(made.length).toBeGreaterThan(3);
  expect(mapped).toEqual(made);
});
