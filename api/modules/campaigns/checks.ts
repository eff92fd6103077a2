import { sayProblem } from '#domain/content/check.ts';
import type { MailContent, MailPart } from '#domain/content/parts.ts';
import type { FieldError } from '#domain/shared/errors.ts';
import { isAddress } from '../../../infra/mail/mime.ts';
import { checkWritten } from '../../../infra/mail/mjml.ts';
import { checkDelivery, checkExperiment, type ConnectionStanding } from './delivery-checks.ts';
import type { CampaignRecord } from './views.ts';

export interface CheckInput {
  readonly campaign: CampaignRecord;
  readonly customKeys: ReadonlySet<string>;
  /** Those of the delivery that exist. */
  readonly connections: readonly ConnectionStanding[];
  /** Final recipients, or null when there is no audience to count. */
  readonly recipients: number | null;
}

/** Everything that stands against a launch, all together: errors block, warnings want one confirmation. */
export async function checkCampaign({ campaign, customKeys, connections, recipients }: CheckInput): Promise<{ errors: FieldError[]; warnings: FieldError[] }> {
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
  if (!campaign.targets.some((target) => target.mode === 'include')) error('targets', 'Choose at least one list or segment to include.');
  else if (recipients === 0) error('targets', 'Nobody is left to send to: all who are included are excluded, suppressed, unsubscribed or bounced.');
  errors.push(...checkDelivery(campaign.delivery, connections));
  if (campaign.experiment !== null) errors.push(...checkExperiment(campaign.experiment, campaign, recipients));

  for (const { part, fieldOf } of partsOf(campaign)) {
    const content = await checkWritten({ ...nothing, ...part }, { customKeys, at: 'launch' });
    for (const problem of content.errors) error(fieldOf(problem.field), sayProblem(problem));
    for (const problem of content.warnings) warn(fieldOf(problem.field), sayProblem(problem));
  }
  return { errors, warnings };
}

const nothing: MailContent = { subject: '', preheader: '', fromName: '', html: '', text: '' };

/** What the campaign says, its alternatives each by itself, with the name of the field a problem in it belongs to. */
function partsOf({ subject, preheader, fromName, html, text, experiment }: CampaignRecord): { readonly part: Partial<MailContent>; readonly fieldOf: (part: MailPart) => string }[] {
  return [
    { part: { subject, preheader, fromName, html, text }, fieldOf: (part) => part },
    ...(experiment?.subjects ?? []).map((alternative, i) => ({ part: { subject: alternative }, fieldOf: () => `experiment.subjects[${i}]` })),
    ...(experiment?.contents ?? []).map((alternative, i) => ({ part: alternative, fieldOf: (part: MailPart) => `experiment.contents[${i}].${part}` })),
    ...(experiment?.fromNames ?? []).map((alternative, i) => ({ part: { fromName: alternative }, fieldOf: () => `experiment.fromNames[${i}]` })),
  ];
}
