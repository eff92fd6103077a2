import { defineEntity, p } from '@mikro-orm/core';

const schema = defineEntity({
  name: 'Segment',
  tableName: 'segment',
  properties: {
    id: p.uuid().primary(),
    name: p.text(),
    description: p.text().default(''),
    /** The rule tree of #domain/segment/ast.ts. */
    rule: p.json<unknown>(),
    version: p.integer().version().default(1),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
  },
});

/** A rule tree with a name; members are never stored. */
export class Segment extends schema.class {}
schema.setClass(Segment);
