import { z } from 'zod';
import { campaignTargetKinds } from '#domain/campaign/targets.ts';
import { estimateLines } from '../../../search/audience.ts';
import { listQuery, listReply } from '../../http/cursor.ts';
import { liveStream } from '../../http/live.ts';
import { route, type Route } from '../../http/route.ts';
import { CONTENT_LIMIT, edit, name, schedule, throttlePerMinute } from './input.ts';
import { campaignOrders } from './order.ts';
import { CampaignRowView, CampaignView, ChecksView, EstimateView, ExamplesView, ProgressView, TestView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const tag = 'campaigns';
const flag = z.enum(['true', 'false']).transform((value) => value === 'true').optional();
const acknowledgeWarnings = z.boolean().default(false);

/** One route for each command that answers with the campaign. */
const command = (verb: 'pause' | 'resume' | 'cancel' | 'unschedule', summary: string) =>
  route({
    method: 'post', path: `/campaigns/:id/${verb}`, capability: 'campaigns.launch', scope: 'campaigns:launch', tag, summary, params, reply: CampaignView,
    handle: ({ org, role, actor, params: { id }, services }) => services.campaignLifecycle.command(org, role, id, verb, actor.name),
  });

export const campaignRoutes = [
  route({
    method: 'get', path: '/campaigns', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'Campaigns, newest first unless sorted otherwise.',
    query: z.strictObject({ ...listQuery, state: z.string().max(100).optional(), search: z.string().max(200).optional(), archived: flag, sort: z.enum(campaignOrders).optional() }), reply: listReply(CampaignRowView),
    handle: ({ org, role, query, services }) => services.campaigns.list(org, role, query),
  }),
  route({
    method: 'post', path: '/campaigns', capability: 'campaigns.edit', scope: 'campaigns:write', tag, summary: 'Begins a draft.', body: z.strictObject({ name }), reply: CampaignView, status: 201,
    handle: ({ org, role, actor, body, services }) => services.campaigns.create(org, role, actor.name, body.name),
  }),
  route({
    method: 'get', path: '/campaigns/:id', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'One campaign.', params, reply: CampaignView,
    handle: ({ org, role, params: { id }, services }) => services.campaigns.get(org, role, id),
  }),
  route({
    method: 'patch', path: '/campaigns/:id', capability: 'campaigns.edit', scope: 'campaigns:write', tag, summary: 'Edits a draft; one that is scheduled becomes a draft again. `version` refuses a stale one.', params, body: edit, bodyLimit: 3 * CONTENT_LIMIT, reply: CampaignView,
    handle: ({ org, role, actor, params: { id }, body, services }) => services.campaigns.edit(org, role, id, body, actor.name),
  }),
  route({
    method: 'delete', path: '/campaigns/:id', capability: 'campaigns.delete', scope: 'campaigns:write', tag, summary: 'Deletes a draft.', params, reply: null,
    handle: ({ org, params: { id }, services }) => services.campaigns.remove(org, id),
  }),
  route({
    method: 'post', path: '/campaigns/:id/test', capability: 'campaigns.edit', scope: 'campaigns:write', tag, summary: 'Sends a test mail, untracked, to up to 10 addresses.', idempotent: true, params,
    body: z.strictObject({
      emails: z.array(z.email('Expected an address like ada@example.com.')).min(1).max(10, 'At most 10 addresses.'),
      customerId: z.int().positive().optional(),
      variant: z.string().regex(/^([A-Z]|all)$/, 'Expected the letter of a variant, like B, or all.').optional(),
      seed: z.int().min(0).max(2_147_483_647).optional(),
    }),
    reply: TestView,
    handle: ({ org, params: { id }, body, services }) => services.campaignTestMail.send(org, id, body),
  }),
  route({
    method: 'get', path: '/campaigns/:id/checks', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'What stands against a launch.', params, reply: ChecksView,
    handle: ({ org, params: { id }, services }) => services.campaigns.checks(org, id),
  }),
  route({
    method: 'get', path: '/campaigns/:id/estimate', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'The audience, line by line.', params, reply: EstimateView,
    handle: ({ org, params: { id }, services }) => services.campaigns.estimate(org, id),
  }),
  route({
    method: 'get', path: '/campaigns/:id/estimate/examples', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'Up to 20 people of a line of the estimate, newest first.', params,
    query: z.strictObject({ line: z.enum(estimateLines) }), reply: ExamplesView,
    handle: ({ org, params: { id }, query, services }) => services.campaigns.examples(org, id, query.line),
  }),
  route({
    method: 'post', path: '/campaigns/:id/launch', capability: 'campaigns.launch', scope: 'campaigns:launch', tag, summary: 'Launches a campaign; twice has one effect.', idempotent: true, params,
    body: z.strictObject({ acknowledgeWarnings }), reply: CampaignView,
    handle: ({ org, role, actor, params: { id }, body, services }) => services.campaignLifecycle.launch(org, role, id, body.acknowledgeWarnings, actor.name),
  }),
  route({
    method: 'post', path: '/campaigns/:id/schedule', capability: 'campaigns.launch', scope: 'campaigns:launch', tag, summary: "Schedules a campaign, by the organization's clock or each recipient's own.", idempotent: true, params,
    body: schedule.extend({ acknowledgeWarnings }), reply: CampaignView,
    handle: ({ org, role, actor, params: { id }, body: { acknowledgeWarnings: acknowledged, ...at }, services }) => services.campaignLifecycle.schedule(org, role, id, at, acknowledged, actor.name),
  }),
  command('unschedule', 'Takes the schedule away: it is a draft again.'),
  command('pause', 'Pauses: no mail leaves any more.'),
  command('resume', 'Resumes exactly where it stopped.'),
  command('cancel', 'Cancels for good; sent mail stays.'),
  route({
    method: 'post', path: '/campaigns/:id/winner', capability: 'campaigns.launch', scope: 'campaigns:launch', tag, summary: 'Picks the variant for the rest while the test waits for its end.', params,
    body: z.strictObject({ variant: z.string().regex(/^[A-Z]$/, 'Expected the letter of a variant, like B.') }), reply: CampaignView,
    handle: ({ org, role, actor, params: { id }, body, services }) => services.campaignLifecycle.pickWinner(org, role, id, body.variant, actor.name),
  }),
  route({
    method: 'post', path: '/campaigns/:id/throttle', capability: 'campaigns.launch', scope: 'campaigns:launch', tag, summary: 'Changes how many mails leave a minute, also while it runs.', params,
    body: z.strictObject({ perMinute: throttlePerMinute }), reply: CampaignView,
    handle: ({ org, role, params: { id }, body, services }) => services.campaignLifecycle.throttle(org, role, id, body.perMinute),
  }),
  route({
    method: 'post', path: '/campaigns/:id/archive', capability: 'campaigns.edit', scope: 'campaigns:write', tag, summary: 'Hides a finished campaign.', params, reply: CampaignView,
    handle: ({ org, role, params: { id }, services }) => services.campaigns.archive(org, role, id, true),
  }),
  route({
    method: 'post', path: '/campaigns/:id/unarchive', capability: 'campaigns.edit', scope: 'campaigns:write', tag, summary: 'Shows it again.', params, reply: CampaignView,
    handle: ({ org, role, params: { id }, services }) => services.campaigns.archive(org, role, id, false),
  }),
  route({
    method: 'post', path: '/campaigns/:id/duplicate', capability: 'campaigns.edit', scope: 'campaigns:write', tag, summary: 'A new draft with the same content, for the same audience or some of its recipients.', params,
    body: z.strictObject({ only: z.enum(campaignTargetKinds).optional().describe('Only who failed or is in doubt, or only who has not opened it.') }), reply: CampaignView, status: 201,
    handle: ({ org, role, actor, params: { id }, body, services }) => services.campaigns.duplicate(org, role, actor.name, id, body.only ?? null),
  }),
  route({
    method: 'get', path: '/campaigns/:id/progress', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'Live numbers.', params, reply: ProgressView,
    handle: ({ org, params: { id }, services }) => services.campaigns.progress(org, id),
  }),
  route({
    method: 'get', path: '/campaigns/:id/live', capability: 'campaigns.view', scope: 'campaigns:read', tag, summary: 'Live numbers as server-sent events.', params, reply: 'stream',
    handle: ({ org, params: { id }, services, req, res }) =>
      liveStream(req, res, async () => {
        const data = await services.campaigns.progress(org, id);
        return { data, done: data.state === 'completed' || data.state === 'failed' || data.state === 'cancelled' };
      }, 1_000),
  }),
] as unknown as readonly Route[];
