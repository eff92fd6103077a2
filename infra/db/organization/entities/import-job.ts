import { defineEntity, p, type Opt } from '@mikro-orm/core';
import type { ImportKind } from '#domain/customer/import-columns.ts';
import type { ImportOptions } from '../../../imports/job.ts';

export type ImportState = 'uploaded' | 'queued' | 'validating' | 'running' | 'completed' | 'failed' | 'cancelled';

const schema = defineEntity({
  name: 'ImportJob',
  tableName: 'import_job',
  properties: {
    id: p.uuid().primary(),
    /** Its number in `customer.imports`; given by the database. */
    no: p.integer().generated('identity').$type<Opt<number>>(),
    kind: p.text().$type<ImportKind>().default('customers'),
    listId: p.uuid().strictNullable(),
    listName: p.text(),
    fileName: p.text(),
    fileSize: p.bigint('number'),
    options: p.json<ImportOptions>(),
    state: p.text().$type<ImportState>(),
    problem: p.text().strictNullable(),
    bytesDone: p.bigint('number').default(0),
    rowsTotal: p.integer().strictNullable(),
    rowsDone: p.integer().default(0),
    createdCount: p.integer().default(0),
    updatedCount: p.integer().default(0),
    skippedCount: p.integer().default(0),
    warningCount: p.integer().default(0),
    /** Staged rows up to this one are applied; moves in the transaction that applies them. */
    cursorNo: p.integer().default(0),
    createdBy: p.text(),
    createdAt: p.datetime().onCreate(() => new Date()),
    startedAt: p.datetime().strictNullable(),
    endedAt: p.datetime().strictNullable(),
    fileRemovedAt: p.datetime().strictNullable(),
  },
});

/** One upload of customers or suppressions: the file, what to do with it, how far it is. */
export class ImportJob extends schema.class {}
schema.setClass(ImportJob);
