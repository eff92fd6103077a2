import { z } from 'zod';
import type { Secrets } from '../../secrets.ts';
import { openSmtpSession } from '../smtp.ts';
import type { Provider } from './provider.ts';

/** The built-in mail catcher: nothing leaves the machine. Its address and password come from the installation. */
export function createCatcherProvider(options: { readonly host: string; readonly port: number; readonly secrets: Secrets }): Provider {
  return {
    name: 'catcher',
    label: 'Mail catcher',
    settings: z.strictObject({}),
    limits: { batch: 1, sessions: 100 },
    open: ({ orgId }) =>
      openSmtpSession({
        host: options.host, port: options.port, secure: 'none', allowPrivate: true,
        username: orgId, password: options.secrets.derive('catcher', orgId).toString('base64url'),
      }),
  };
}
