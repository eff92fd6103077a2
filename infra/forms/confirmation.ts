import type { OutgoingMail } from '../mail/content.ts';
import { encodeBody, encodeDate, encodeHeader, encodeMailbox, isAddress } from '../mail/mime.ts';

/** Stands in the text of a confirmation for its link. */
export const CONFIRM_URL = '{{confirm_url}}';

/** How long a link confirms. What is not confirmed by then is forgotten. */
export const CONFIRM_DAYS = 7;

/** What a form's confirmation says unless somebody writes it otherwise. */
export function defaultConfirmation(organization: string): { readonly subject: string; readonly text: string } {
  return {
    subject: 'Please confirm your sign-up',
    text: `Hello,\n\nyou asked for mail from ${organization}. Confirm it here within ${CONFIRM_DAYS} days:\n\n${CONFIRM_URL}\n\nIf this was not you, do nothing: without a confirmation you get no mail.\n`,
  };
}

export interface Confirmation {
  readonly fromName: string;
  readonly fromEmail: string;
  readonly to: string;
  readonly subject: string;
  /** With `{{confirm_url}}` where the link goes. */
  readonly text: string;
  readonly confirmUrl: string;
  /** The same on every attempt; without the angle brackets. */
  readonly messageId: string;
}

/** A whole message in plain text; whatever stands in its parts adds no header. @throws Error for an address that cannot be written in a mail */
export function confirmationMail(mail: Confirmation, now: number): OutgoingMail {
  if (!isAddress(mail.fromEmail)) throw new Error('from address: expected one like news@example.com');
  if (!isAddress(mail.to)) throw new Error('the address cannot be written in a mail');
  const message =
    `From: ${encodeMailbox(mail.fromName, mail.fromEmail)}\r\nTo: <${mail.to}>\r\nSubject: ${encodeHeader(mail.subject)}\r\nDate: ${encodeDate(now)}\r\nMessage-ID: <${mail.messageId}>\r\n` +
    // RFC 3834: nobody's absence notice answers it.
    'Auto-Submitted: auto-generated\r\n' +
    'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n' +
    `${encodeBody(mail.text.replaceAll(CONFIRM_URL, mail.confirmUrl))}\r\n`;
  // Everything is ASCII by construction, so one byte a character.
  return { from: mail.fromEmail, to: mail.to, bytes: Buffer.from(message, 'latin1') };
}
