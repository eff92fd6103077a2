import { compileMail, fieldsOf, type CompileOptions, type MailSource, type ShownMail } from '../../infra/mail/content.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { createSecrets } from '../../infra/secrets.ts';

export const testIds = createTrackingIds(createSecrets(Buffer.alloc(32, 7).toString('base64')));

/** A mail that says nothing yet. */
export const emptyMail: MailSource = {
  orgNo: 3, orgSlug: 'acme', mailNo: 7, subject: 'Hello', preheader: '', fromName: 'Shop', fromEmail: 'news@shop.example', replyTo: '', html: '', text: '',
  tracking: { opens: true, clicks: true }, utm: {},
  context: { organization: { name: 'Acme', address: '1 Main St' }, campaign: { name: 'Spring' }, timezone: 'Europe/Berlin' },
};

export const testNow = Date.UTC(2026, 0, 31, 23, 30);

export function compile(changes: Partial<MailSource>, options: Partial<CompileOptions> = {}) {
  return compileMail({ ...emptyMail, ...changes }, { ids: testIds, baseUrl: 'https://app.example', ...options });
}

/** A mail as a person sees it. @param row her fields as a row of customers has them */
export function show(changes: Partial<MailSource>, row: Readonly<Record<string, unknown>> = {}, customerId = 1, options: Partial<CompileOptions> = { preview: true }): ShownMail {
  const mail = compile(changes, options);
  return mail.show({ ordinal: 5, customerId, email: 'ada@example.com', fields: fieldsOf(row, mail.paths) }, testNow);
}

/** The message as it goes over the wire. */
export function send(changes: Partial<MailSource>, row: Readonly<Record<string, unknown>> = {}, to: { readonly email?: string; readonly customerId?: number } = {}, options: Partial<CompileOptions> = {}): Buffer {
  const mail = compile(changes, options);
  return mail.render({ ordinal: 5, customerId: to.customerId ?? 1, email: to.email ?? 'ada@example.com', fields: fieldsOf(row, mail.paths) }, testNow).bytes;
}
