import { z } from 'zod';

export const ContentProblemView = z.object({
  field: z.string(), message: z.string(),
  /** Errors stand against a launch, warnings inform. */
  severity: z.enum(['error', 'warning']),
  /** Where in the part as it is written, from 1; null when it concerns all of it. */
  line: z.int().nullable(), column: z.int().nullable(),
}).meta({ id: 'ContentProblem' });

export const RenderView = z.object({
  subject: z.string(), preheader: z.string(), fromName: z.string(), html: z.string(), text: z.string(),
  problems: z.array(ContentProblemView),
  /** Fields the content reads. */
  tags: z.array(z.string()),
  /** Links to the web: as written, and where they lead with UTM for this person; null when her fields make no address. */
  links: z.array(z.object({ written: z.string(), url: z.string().nullable(), tracked: z.boolean() })),
  /** Of the HTML as it is sent. */
  sizeBytes: z.int(),
  /** How many choices of spintax the content has. */
  choices: z.int(),
});
