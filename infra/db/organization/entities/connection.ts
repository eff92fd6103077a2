import { defineEntity, p, type Opt } from '@mikro-orm/core';
import type { Limits, WarmUp } from '#domain/delivery/rate.ts';

export interface ConnectionSettings {
  readonly host?: string;
  readonly port?: number;
  readonly secure?: 'starttls' | 'tls' | 'none';
  readonly username?: string;
}

const schema = defineEntity({
  name: 'Connection',
  tableName: 'connection',
  properties: {
    id: p.uuid().primary(),
    /** Short number in ledger rows; given by the database. */
    no: p.smallint().generated('identity').$type<Opt<number>>(),
    name: p.text(),
    vendor: p.text().$type<'catcher' | 'smtp'>(),
    settings: p.json<ConnectionSettings>().defaultRaw("'{}'"),
    /** Sealed JSON of passwords and keys, bound to `org|connection|secret|id`; never returned. */
    secret: p.text().strictNullable().hidden(),
    fromEmail: p.text().strictNullable(),
    fromName: p.text().strictNullable(),
    parallel: p.smallint().default(20),
    limits: p.json<Limits>().defaultRaw("'{}'"),
    warmup: p.json<WarmUp>().strictNullable(),
    /** Takes over when this one breaks. */
    backupId: p.uuid().strictNullable(),
    enabled: p.boolean().default(true),
    /** What the last test or send found: written beside the versions, for it is no configuration. */
    health: p.text().$type<'unknown' | 'healthy' | 'broken'>().default('unknown'),
    healthReason: p.text().strictNullable(),
    version: p.integer().version().default(1),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
    /** Campaigns that would have to choose another if it went; archived ones do not count. */
    usedBy: p.integer().formula((connection) => `(select count(*)::int from campaign c where c.delivery @> jsonb_build_object('connections', jsonb_build_array(jsonb_build_object('id', ${connection.id}))) and c.archived_at is null)`),
  },
});

/** One way to send mail: a provider account, an SMTP server or the built-in catcher. */
export class Connection extends schema.class {}
schema.setClass(Connection);
