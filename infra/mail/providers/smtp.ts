import { z } from 'zod';
import { openSmtpSession } from '../smtp.ts';
import type { Provider } from './provider.ts';

const settings = z.strictObject({
  host: z.string().trim().min(1).max(253),
  port: z.int().min(1).max(65_535).default(587),
  secure: z.enum(['starttls', 'tls', 'none']).default('starttls'),
  username: z.string().max(320).default(''),
});

/** Any SMTP server. */
export function createSmtpProvider(options: { readonly allowPrivate: boolean }): Provider {
  return {
    name: 'smtp',
    label: 'SMTP server',
    settings,
    limits: { batch: 1, sessions: 100 },
    async open(connection) {
      const { host, port, secure, username } = settings.parse(connection.settings);
      return openSmtpSession({ host, port, secure, username, password: connection.secret?.password ?? '', allowPrivate: options.allowPrivate });
    },
  };
}
