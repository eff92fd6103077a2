import { defineEntity, p } from '@mikro-orm/core';

const schema = defineEntity({
  name: 'List',
  tableName: 'list',
  properties: {
    id: p.uuid().primary(),
    name: p.text(),
    description: p.text().default(''),
    version: p.integer().version().default(1),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
  },
});

/** A static set of customers; the members are rows of list_member. */
export class List extends schema.class {}
schema.setClass(List);
