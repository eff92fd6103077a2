import { createTransport } from 'nodemailer';
import type { Config } from '../config.ts';
import type { Secrets } from '../secrets.ts';

/** Mail of the installation itself: invitations, password resets. */
export interface SystemMail {
  /** @throws Error when the server refuses or cannot be reached */
  send(mail: { readonly to: string; readonly subject: string; readonly text: string }): Promise<void>;
  close(): void;
}

/** Goes to FERMATA_SYSTEM_SMTP_URL, else into the mail catcher as the user `system`. */
export function createSystemMail(config: Config, secrets: Secrets): SystemMail {
  const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };
  const transport = config.FERMATA_SYSTEM_SMTP_URL === undefined
    ? createTransport({
        host: config.FERMATA_CATCHER_HOST, port: config.FERMATA_CATCHER_SMTP_PORT, secure: false, ignoreTLS: true,
        auth: { user: 'system', pass: secrets.derive('catcher', 'system').toString('base64url') }, ...timeouts,
      })
    : createTransport({ url: config.FERMATA_SYSTEM_SMTP_URL, ...timeouts });
  return {
    send: async ({ to, subject, text }) => void (await transport.sendMail({ from: { name: 'Fermata', address: config.FERMATA_SYSTEM_MAIL_FROM }, to: { name: '', address: to }, subject, text })),
    close: () => transport.close(),
  };
}
