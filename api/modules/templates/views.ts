import { z } from 'zod';
import type { Template } from '../../../infra/db/organization/entities/template.ts';

export const TemplateRowView = z.object({
  id: z.string(), name: z.string(), description: z.string(), subject: z.string(), createdBy: z.string(), createdAt: z.string(), updatedAt: z.string(), version: z.int(),
}).meta({ id: 'TemplateRow' });

export const TemplateView = TemplateRowView.extend({ preheader: z.string(), html: z.string(), text: z.string() }).meta({ id: 'Template' });

export const GalleryView = z.object({
  /** Names it for good: `letter`, `newsletter`… */
  key: z.string(), name: z.string(), description: z.string(), subject: z.string(), preheader: z.string(), html: z.string(),
}).meta({ id: 'GalleryTemplate' });

type Row = Pick<Template, 'id' | 'name' | 'description' | 'subject' | 'createdBy' | 'createdAt' | 'updatedAt' | 'version'>;

export function toTemplateRow(template: Row): z.input<typeof TemplateRowView> {
  const { id, name, description, subject, createdBy, version } = template;
  return { id, name, description, subject, createdBy, createdAt: template.createdAt.toISOString(), updatedAt: template.updatedAt.toISOString(), version };
}

export function toTemplateView(template: Template): z.input<typeof TemplateView> {
  return { ...toTemplateRow(template), preheader: template.preheader, html: template.html, text: template.text };
}
