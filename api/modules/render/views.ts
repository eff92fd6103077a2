import { z } from 'zod';

export const RenderView = z.object({
  subject: z.string(), html: z.string(), text: z.string(), problems: z.array(z.object({ field: z.string(), message: z.string(), line: z.int().optional() })), tags: z.array(z.string()),
});
