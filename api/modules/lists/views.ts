import { z } from 'zod';

export const ListView = z.object({
  id: z.string(), name: z.string(), description: z.string(), members: z.number().int(), createdAt: z.string(), updatedAt: z.string(), version: z.number().int(),
});

export interface ListRecord {
  readonly id: string; readonly name: string;
  /** The name as the database orders it. */
  readonly key: string;
  readonly description: string; readonly members: number;
  readonly createdAt: Date; readonly updatedAt: Date; readonly version: number;
}

export const LIST = /* sql */ `
select l.id, l.name, lower(l.name) as key, l.description, l.version, l.created_at as "createdAt", l.updated_at as "updatedAt",
  (select count(*) from list_member m where m.list_id = l.id) as members from list l`;

export function toListView(row: ListRecord): z.input<typeof ListView> {
  return {
    id: row.id, name: row.name, description: row.description, members: row.members,
    createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString(), version: row.version,
  };
}
