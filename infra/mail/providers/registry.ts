import { AppError } from '#domain/shared/errors.ts';
import type { Config } from '../../config.ts';
import type { Secrets } from '../../secrets.ts';
import { createCatcherProvider } from './catcher.ts';
import type { Provider } from './provider.ts';
import { createSmtpProvider } from './smtp.ts';

export interface Providers {
  readonly all: readonly Provider[];
  /** @throws AppError `invalid` for a vendor this installation does not know */
  get(vendor: string): Provider;
}

export function createProviders(config: Config, secrets: Secrets): Providers {
  const all = [
    createCatcherProvider({ host: config.FERMATA_CATCHER_HOST, port: config.FERMATA_CATCHER_SMTP_PORT, secrets }),
    createSmtpProvider({ allowPrivate: config.FERMATA_ALLOW_PRIVATE_SMTP }),
  ];
  const byName = new Map<string, Provider>(all.map((provider) => [provider.name, provider]));
  return {
    all,
    get(vendor) {
      const provider = byName.get(vendor);
      if (provider === undefined) throw new AppError('invalid', `There is no vendor ${vendor}.`, [{ field: 'vendor', message: `Choose one of: ${[...byName.keys()].join(', ')}.` }]);
      return provider;
    },
  };
}
