import { z } from 'zod';
import type { List } from '../../../infra/db/organization/entities/list.ts';
import type { Use } from '../segments/uses.ts';
import { UseView } from '../segments/views.ts';

export const ListView = z.object({
  id: z.string(), name: z.string(), description: z.string(),
  /** Whether customers see it on their preferences page; there under `publicName`, or its name when that is empty. */
  isPublic: z.boolean(), publicName: z.string(), publicDescription: z.string(),
  members: z.number().int(),
  /** Additions of the last 30 days. */
  added30: z.number().int(),
  usedBy: z.array(UseView),
  createdAt: z.string(), updatedAt: z.string(), version: z.number().int(),
}).meta({ id: 'List' });

export function toListView(list: List, usedBy: readonly Use[]): z.input<typeof ListView> {
  return {
    id: list.id, name: list.name, description: list.description, isPublic: list.isPublic, publicName: list.publicName, publicDescription: list.publicDescription, members: list.members, added30: list.added30,
    usedBy: usedBy.map(({ kind, id, name }) => ({ kind, id, name })),
    createdAt: list.createdAt.toISOString(), updatedAt: list.updatedAt.toISOString(), version: list.version,
  };
}
