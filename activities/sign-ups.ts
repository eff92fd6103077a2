import type { Container } from '../infra/container.ts';
import { sendConfirmation } from '../infra/forms/send-confirmation.ts';
import { createProviders } from '../infra/mail/providers/registry.ts';
import type { SignUpInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { translating } from './errors.ts';

export type SignUpActivities = ReturnType<typeof createSignUpActivities>;

const HEARTBEAT_MS = 2_000;

export function createSignUpActivities(container: Pick<Container, 'tenants' | 'config' | 'secrets' | 'clock'>) {
  const providers = createProviders(container.config, container.secrets);
  return translating({
    /** One attempt to send the link of a sign-up; done twice it sends once. @returns when to try again, in ms, or null */
    async sendConfirmation({ orgId, signUpNo }: SignUpInput): Promise<{ retryInMs: number | null }> {
      return alive(HEARTBEAT_MS, () => container.tenants.use(orgId, async (tenant) => ({ retryInMs: await sendConfirmation(container, providers, tenant, signUpNo) })));
    },
  });
}
