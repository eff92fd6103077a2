import { z } from 'zod';

export const ImageView = z.object({
  id: z.string(), name: z.string(), type: z.string(), sizeBytes: z.int(), width: z.int(), height: z.int(),
  /** Where mails find it: public, for ever, not to be guessed. */
  url: z.string(),
  createdBy: z.string(), createdAt: z.string(),
}).meta({ id: 'Image' });

export interface ImageRecord {
  readonly id: string; readonly no: number; readonly name: string; readonly type: string; readonly sizeBytes: number;
  readonly width: number; readonly height: number; readonly createdBy: string; readonly createdAt: Date;
}

export const IMAGE = /* sql */ `
select id::text, no, name, type, size_bytes as "sizeBytes", width, height, created_by as "createdBy", created_at as "createdAt" from image`;

export function toImageView(row: ImageRecord, url: string): z.input<typeof ImageView> {
  return { id: row.id, name: row.name, type: row.type, sizeBytes: row.sizeBytes, width: row.width, height: row.height, url, createdBy: row.createdBy, createdAt: row.createdAt.toISOString() };
}
