import { defineEntity, p } from '@mikro-orm/core';

const schema = defineEntity({
  name: 'Template',
  tableName: 'template',
  properties: {
    id: p.uuid().primary(),
    name: p.text(),
    description: p.text().default(''),
    subject: p.text().default(''),
    preheader: p.text().default(''),
    html: p.text().default(''),
    text: p.text().default(''),
    version: p.integer().version().default(1),
    createdBy: p.text(),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p.datetime().onCreate(() => new Date()).onUpdate(() => new Date()),
  },
});

/** A saved start of a mail: what is made from one is a copy. */
export class Template extends schema.class {}
schema.setClass(Template);
