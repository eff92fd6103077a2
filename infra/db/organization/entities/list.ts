import { defineEntity, p } from '@mikro-orm/core';

const schema = defineEntity({
  name: 'List',
  tableName: 'list',
  properties: {
    id: p.uuid().primary(),
    name: p.text(),
    description: p.text().default(''),
    /** Whether customers see it on their preferences page and may join and leave it there. */
    isPublic: p.boolean().default(false),
    /** What they read there; empty: its name. */
    publicName: p.text().default(''),
    publicDescription: p.text().default(''),
    version: p.integer().version().default(1),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
    /** Counted as members come and go, so it costs a few rows at any size. */
    members: p.integer().formula((list) => `(select coalesce(sum(n.added - n.removed), 0)::int from list_count n where n.list_id = ${list.id})`),
    /** Additions of the last 30 days, those who left since included. */
    added30: p.integer().formula((list) => `(select coalesce(sum(n.added), 0)::int from list_count n where n.list_id = ${list.id} and n.on_day > (now() at time zone 'utc')::date - 30)`),
  },
});

/** A static set of customers; the members are rows of list_member. */
export class List extends schema.class {}
schema.setClass(List);
