import { checkContent } from '#domain/content/check.ts';
import type { FieldError } from '#domain/shared/errors.ts';
import { isAddress } from '../../../infra/mail/mime.ts';
import type { CampaignRecord } from './views.ts';

export interface CheckInput {
  readonly campaign: CampaignRecord;
  readonly customKeys: ReadonlySet<string>;
  readonly connection: { readonly enabled: boolean; readonly health: string; readonly healthReason: string | null } | undefined;
  /** Final recipients, or null when there is no audience to count. */
  readonly recipients: number | null;
}

/** Everything that stands against a launch, all together: errors block, warnings want one confirmation. */
export function checkCampaign({ campaign, customKeys, connection, recipients }: CheckInput): { errors: FieldError[]; warnings: FieldError[] } {
  const errors: FieldError[] = [];
  const warnings: FieldError[] = [];
  const error = (field: string, message: string) => errors.push({ field, message });
  const warn = (field: string, message: string) => warnings.push({ field, message });

  if (campaign.subject.trim() === '') error('subject', 'Write a subject line.');
  if (campaign.fromName.trim() === '') error('fromName', 'Say who the mail is from.');
  if (campaign.fromEmail.trim() === '') error('fromEmail', 'Give a from address.');
  else if (!isAddress(campaign.fromEmail)) error('fromEmail', 'Expected an address like news@example.com.');
  if (campaign.replyTo !== '' && !isAddress(campaign.replyTo)) error('replyTo', 'Expected an address like help@example.com, or nothing.');
  if (campaign.html.trim() === '') error('html', 'Write the content of the mail.');
  const unsubscribe = /\{\{-?\s*unsubscribe_url\b/;
  if (campaign.html.trim() !== '' && !unsubscribe.test(campaign.html)) error('html', 'The HTML needs a link to {{ unsubscribe_url }}.');
  if (campaign.text.trim() !== '' && !unsubscribe.test(campaign.text)) error('text', 'The text needs {{ unsubscribe_url }} too.');
  const { subject, preheader, fromName, html, text } = campaign;
  for (const { field, message } of checkContent({ subject, preheader, fromName, html, text }, customKeys).errors) error(field, message);
  if (!campaign.targets.some((target) => target.mode === 'include')) error('targets', 'Choose at least one list or segment to include.');
  else if (recipients === 0) error('targets', 'Nobody is left to send to: all who are included are excluded, suppressed, unsubscribed or bounced.');
  if (connection === undefined) error('connectionId', 'Choose a connection to send over.');
  else if (!connection.enabled) error('connectionId', 'This connection is disabled. Enable it or choose another.');
  else if (connection.health === 'broken') error('connectionId', `This connection is broken${connection.healthReason === null ? '' : ` (${connection.healthReason})`}. Test it, or choose another.`);

  if (Buffer.byteLength(campaign.html) > 102 * 1_024) warn('html', 'The HTML is over 102 kB: Gmail cuts it off.');
  if (/<img\b(?![^>]*\balt\s*=)[^>]*>/i.test(campaign.html)) warn('html', 'An image has no alt text.');
  if (/\bhref\s*=\s*["']\s*(?:#\s*)?["']/i.test(campaign.html)) warn('html', 'A link leads nowhere.');
  if (/[A-Z]{4}/.test(subject) && subject === subject.toUpperCase()) warn('subject', 'The subject is all capitals.');
  if (subject.includes('!!!')) warn('subject', 'Rows of exclamation marks look like spam.');
  return { errors, warnings };
}
