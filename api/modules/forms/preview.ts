import { z } from 'zod';
import { checkMailPage, confirmPage, formPage, thanksPage, type FormWords } from '../../forms/pages.ts';
import type { Widgets } from '../../forms/widgets.ts';

const words = (max: number) => z.string().max(max).default('');

/** A form being written: what is not finished yet (an empty title, a field without a label) is shown as it stands. */
export const FormDraft = z.strictObject({
  name: words(150), title: words(200), intro: words(2_000), consentText: words(2_000), buttonLabel: words(60), thanksText: words(2_000),
  fields: z.array(z.strictObject({ field: z.string().max(71), label: z.string().max(100), required: z.boolean() })).max(30).default([]),
});

/** The pages people see on their way, in its order, as whole HTML documents. */
export const FormPreview = z.object({
  form: z.string(), sent: z.string(), confirm: z.string(), thanks: z.string(),
});

/** The same pages as the hosted form's, for an address of an example. */
export function previewOf(draft: FormWords & { readonly thanksText: string }, widgets: Widgets, organization: string): z.infer<typeof FormPreview> {
  const setting = { organization, isFramed: false };
  return {
    form: formPage(draft, widgets, setting),
    sent: checkMailPage('ada@example.com', setting),
    confirm: confirmPage(draft.title === '' ? draft.name : draft.title, organization),
    thanks: thanksPage({ thanksText: draft.thanksText, redirectUrl: null }, setting),
  };
}
