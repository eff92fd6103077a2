/** States of a recipient by their number in the ledger. */
export const recipientStates = ['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'] as const;
export type RecipientState = (typeof recipientStates)[number];

/** What a recipient did or did not do, as lists of recipients are filtered. */
export const engagements = ['opened', 'not_opened', 'clicked', 'not_clicked', 'unsubscribed', 'bounced', 'complained'] as const;
export type Engagement = (typeof engagements)[number];
