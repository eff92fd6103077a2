import type { Role } from '#domain/access.ts';
import { variantCount, variantLabel } from '#domain/campaign/experiment.ts';
import { freezeAt, type Schedule } from '#domain/campaign/schedule.ts';
import { after, refusal } from '#domain/campaign/status.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { CampaignCommand } from '../../../infra/temporal/gateway.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { checkSchedule } from './delivery-checks.ts';
import type { CampaignReader } from './reader.ts';
import type { CampaignRecord } from './views.ts';

export type CampaignLifecycle = ReturnType<typeof createCampaignLifecycle>;

/** Launch, schedule and the commands. From here on a campaign's workflow alone changes its state, and this asks it to. */
export function createCampaignLifecycle({ tenants, gateway, clock, logger }: Pick<Container, 'tenants' | 'gateway' | 'clock' | 'logger'>, reader: CampaignReader) {
  const inputOf = (orgId: string, campaign: CampaignRecord) => ({ orgId, campaignId: campaign.id, mailNo: campaign.mailNo });

  /** @throws AppError `invalid` with every problem; `conflict` when warnings want to be confirmed */
  async function requireReady(tenant: Tenant, campaign: CampaignRecord, acknowledgeWarnings: boolean, wish: string): Promise<void> {
    const { errors, warnings } = await reader.checks(tenant, campaign);
    if (errors.length > 0) throw new AppError('invalid', `This campaign cannot be ${wish} yet.`, errors);
    if (warnings.length > 0 && !acknowledgeWarnings) throw new AppError('conflict', 'Read the warnings and confirm them to go on.', warnings);
  }

  /** A workflow that cannot be started now is started by the sweep, within a minute. */
  async function start(orgId: string, campaign: CampaignRecord): Promise<void> {
    await gateway.startCampaign(inputOf(orgId, campaign)).catch((error: unknown) => {
      logger.warn({ err: error, orgId, campaignId: campaign.id }, 'the campaign is written down; the sweep will start its workflow');
    });
  }

  /** Asks the campaign's workflow; one that was lost is started first and finds its place in the rows. */
  async function ask(orgId: string, role: Role, campaign: CampaignRecord, work: () => Promise<void>) {
    await gateway.startCampaign(inputOf(orgId, campaign));
    await work();
    return tenants.use(orgId, async (tenant) => reader.view(orgId, await reader.find(tenant, campaign.id), role));
  }

  return {
    /**
     * Validates everything together and starts the campaign. Launching twice has one effect.
     * @throws AppError `invalid` with every problem; `conflict` when warnings want to be confirmed
     */
    async launch(orgId: string, role: Role, id: string, acknowledgeWarnings: boolean, actor: string | null = null) {
      const campaign = await tenants.use(orgId, async (tenant) => {
        const found = await reader.find(tenant, id);
        if (found.state === 'running' || found.state === 'completed') return found;
        if (after(found.state, 'launch') === undefined) throw new AppError('conflict', refusal(found.state, 'launch'));
        await requireReady(tenant, { ...found, schedule: null }, acknowledgeWarnings, 'launched');
        // The version makes sure that what was checked is what is sent.
        const launched = await tenant.sql.run(
          "update campaign set state = 'running', phase = 'resolving', schedule = null, scheduled_at = null, launched_at = now(), moved_by = $3, version = version + 1, updated_at = now() where id = $1 and state = 'draft' and version = $2",
          [id, found.version, actor],
        );
        const now = await reader.find(tenant, id);
        if (launched === 0 && now.state !== 'running') throw new AppError('conflict', 'The campaign was changed while it was checked. Look at it and launch again.');
        return now;
      });
      await start(orgId, campaign);
      return reader.view(orgId, campaign, role);
    },

    /** Validates everything together and waits for its time. Errors as `launch`. */
    async schedule(orgId: string, role: Role, id: string, schedule: Schedule, acknowledgeWarnings: boolean, actor: string | null = null) {
      const campaign = await tenants.use(orgId, async (tenant) => {
        const found = await reader.find(tenant, id);
        if (after(found.state, 'schedule') === undefined) throw new AppError('conflict', refusal(found.state, 'schedule'));
        const problems = checkSchedule(schedule, tenant.org.timezone, clock.now());
        if (problems[0] !== undefined) throw new AppError('invalid', problems[0].message, problems);
        await requireReady(tenant, { ...found, schedule }, acknowledgeWarnings, 'scheduled');
        const at = Math.max(clock.now(), freezeAt(schedule, tenant.org.timezone));
        const scheduled = await tenant.sql.run(
          "update campaign set state = 'scheduled', schedule = $3, scheduled_at = to_timestamp($4::float8 / 1000), moved_by = $5, version = version + 1, updated_at = now() where id = $1 and state = 'draft' and version = $2",
          [id, found.version, JSON.stringify(schedule), at, actor],
        );
        if (scheduled === 0) throw new AppError('conflict', 'The campaign was changed while it was checked. Look at it and schedule it again.');
        return reader.find(tenant, id);
      });
      await start(orgId, campaign);
      return reader.view(orgId, campaign, role);
    },

    /** @throws AppError `conflict` where the lifecycle does not allow it */
    async command(orgId: string, role: Role, id: string, command: CampaignCommand, actor: string | null = null) {
      const campaign = await tenants.use(orgId, (tenant) => reader.find(tenant, id));
      if (after(campaign.state, command) === undefined) throw new AppError('conflict', refusal(campaign.state, command));
      await tenants.use(orgId, ({ sql }) => sql.run('update campaign set moved_by = $2 where id = $1', [id, actor]));
      return ask(orgId, role, campaign, () => gateway.commandCampaign(inputOf(orgId, campaign), command));
    },

    /** @param label letter of a variant @throws AppError `invalid` for one it does not have, `conflict` unless the test waits for its end */
    async pickWinner(orgId: string, role: Role, id: string, label: string, actor: string) {
      const campaign = await tenants.use(orgId, (tenant) => reader.find(tenant, id));
      if (campaign.experiment === null) throw new AppError('conflict', 'This campaign has no A/B test.');
      const count = variantCount(campaign.experiment);
      const variant = label.charCodeAt(0) - 64;
      if (variant > count) throw refuse('variant', `This campaign has the variants A to ${variantLabel(count)}.`);
      if (campaign.state !== 'running' || campaign.phase !== 'waiting') throw new AppError('conflict', 'A winner can be picked while the test waits for its end.');
      return ask(orgId, role, campaign, () => gateway.pickWinner(inputOf(orgId, campaign), variant, actor));
    },

    /** How many mails leave a minute, within 5 seconds. @throws AppError `conflict` when it has ended */
    throttle: (orgId: string, role: Role, id: string, perMinute: number | null) => tenants.use(orgId, async (tenant) => {
      const changed = await tenant.sql.run(
        `update campaign set delivery = jsonb_set(delivery, '{throttlePerMinute}', $2::jsonb), version = version + 1, updated_at = now() where id = $1 and state in ('draft', 'scheduled', 'running', 'paused')`,
        [id, JSON.stringify(perMinute)]);
      const campaign = await reader.find(tenant, id);
      if (changed === 0) throw new AppError('conflict', `A campaign that is ${campaign.state} sends no more mail.`);
      if (campaign.state === 'running') gateway.tellLimits(inputOf(orgId, campaign));
      return reader.view(orgId, campaign, role);
    }),
  };
}
