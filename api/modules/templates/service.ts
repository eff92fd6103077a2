import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import { Template } from '../../../infra/db/organization/entities/template.ts';
import { newId } from '../../../infra/ids.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { nameTaken } from '../segments/uses.ts';
import { toTemplateRow, toTemplateView } from './views.ts';

export type TemplateService = ReturnType<typeof createTemplateService>;

export interface TemplateInput {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly subject?: string | undefined;
  readonly preheader?: string | undefined;
  readonly html?: string | undefined;
  readonly text?: string | undefined;
}

/** Saved starts of mails. What is made from a template is a copy, so changing or deleting one changes no mail. */
export function createTemplateService({ tenants }: Pick<Container, 'tenants'>) {
  const find = (em: EntityManager, id: string) => em.findOneOrFail(Template, id, { failHandler: () => notFound('template') });

  return {
    /** By name, without their content. */
    list: (orgId: string, query: ListQuery & { search?: string | undefined }) => tenants.use(orgId, async ({ em }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
      const search = query.search?.trim().toLowerCase() ?? '';
      const matches = search === '' ? {} : { [raw('position(? in lower(name || \' \' || subject)) > 0', [search])]: [] };
      const templates = await em.find(Template, { ...matches, ...(after === null ? {} : { [raw('(lower(name), id) > (lower(?), ?)', after)]: [] }) }, {
        orderBy: [{ [raw('lower(name)')]: 'asc' }, { id: 'asc' }], limit: query.limit + 1, fields: ['id', 'name', 'description', 'subject', 'createdBy', 'createdAt', 'updatedAt', 'version'],
      });
      const page = toPage(templates, query.limit, (template) => [template.name, template.id], toTemplateRow);
      return query.count === true ? { ...page, count: await em.count(Template, matches) } : page;
    }),

    get: (orgId: string, id: string) => tenants.use(orgId, async ({ em }) => toTemplateView(await find(em, id))),

    /** @throws AppError `conflict` when the name is taken */
    create: (orgId: string, actor: string, input: TemplateInput & { readonly name: string }) => tenants.use(orgId, async ({ em }) => {
      const template = em.create(Template, { id: newId(), createdBy: actor, ...given(input), name: input.name });
      await nameTaken(() => em.flush(), 'template');
      return toTemplateView(template);
    }),

    /** @throws AppError `conflict` when somebody else saved in between or the name is taken */
    edit: (orgId: string, id: string, { version, ...input }: TemplateInput & { readonly version: number }) => tenants.use(orgId, async ({ em }) => {
      const touched = await nameTaken(() => em.nativeUpdate(Template, { id, version }, { ...given(input), version: version + 1, updatedAt: new Date() }), 'template');
      const template = await find(em, id);
      if (touched === 0) throw new AppError('conflict', 'Somebody else saved this template meanwhile. Load it again, then repeat your change.');
      return toTemplateView(template);
    }),

    remove: (orgId: string, id: string): Promise<void> => tenants.use(orgId, async ({ em }) => {
      if ((await em.nativeDelete(Template, { id })) === 0) throw notFound('template');
    }),
  };
}
