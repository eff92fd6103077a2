import { defineEntity, p } from '@mikro-orm/core';

const schema = defineEntity({
  name: 'Connection',
  tableName: 'connection',
  properties: {
    id: p.uuid().primary(),
    /** Short number in ledger rows; given by the database. */
    no: p.smallint().generated('identity').nullable(),
    name: p.text(),
    vendor: p.text(),
    settings: p.json<Record<string, unknown>>().default('{}'),
    /** Sealed JSON of passwords and keys, bound to `org|connection|secret|id`; never returned. */
    secret: p.text().nullable().hidden(),
    fromEmail: p.text().nullable(),
    fromName: p.text().nullable(),
    parallel: p.smallint().default(20),
    enabled: p.boolean().default(true),
    health: p.text().$type<'unknown' | 'healthy' | 'broken'>().default('unknown'),
    healthReason: p.text().nullable(),
    version: p.integer().version().default(1),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
  },
});

/** One way to send mail: a provider account, an SMTP server or the built-in catcher. */
export class Connection extends schema.class {}
schema.setClass(Connection);
