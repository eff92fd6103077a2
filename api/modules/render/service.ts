import { checkContent } from '#domain/content/check.ts';
import { textFromHtml } from '#domain/content/text.ts';
import { clean } from '#domain/content/links.ts';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { fieldsOf, withPreheader } from '../../../infra/mail/content.ts';
import { compilePlan } from '../../../infra/mail/template.ts';
import { samplePerson } from '../../../infra/mail/test-mail.ts';

export interface RenderInput {
  readonly subject: string; readonly preheader: string; readonly html: string; readonly text: string; readonly customerId?: number | undefined;
}

export type RenderService = ReturnType<typeof createRenderService>;

/** Shows a mail as a person would get it, with links as written and nothing recorded. */
export function createRenderService({ tenants, config }: Container) {
  return {
    render: (orgId: string, input: RenderInput) =>
      tenants.use(orgId, async ({ sql }) => {
        const customFields = await sql.rows<{ key: string }>('select key from custom_field');
        const { subject, preheader, html, text } = input;
        const { errors, paths } = checkContent({ subject, preheader, html, text }, new Set(customFields.map((field) => field.key)));
        let person: Readonly<Record<string, unknown>> = samplePerson;
        if (input.customerId !== undefined) {
          const found = await sql.first<Record<string, unknown>>('select email, first_name, last_name, phone, city, country, score, timezone, custom from customer where id = $1', [input.customerId]);
          if (found === undefined) throw notFound('customer');
          person = found;
        }
        const fields = fieldsOf(person, paths);
        const tokens = { unsubscribe: 'preview' };
        const show = (source: string, place: 'html' | 'text' | 'header') =>
          compilePlan(clean(source), { place, trackUrl: `${config.FERMATA_BASE_URL.replace(/\/$/, '')}/api/track`, encoded: false }).render(fields, tokens);
        return {
          subject: show(subject, 'header'), html: show(withPreheader(html, preheader), 'html'), text: show(text.trim() === '' ? textFromHtml(html) : text, 'text'),
          problems: errors.map(({ field, message, line }) => ({ field, message, line })), tags: [...paths],
        };
      }),
  };
}
