import { z } from 'zod';
import { route } from '../../http/route.ts';

const frequencyCap = z.strictObject({
  mails: z.int('Expected a whole number.').min(1, 'At least 1 mail, or no cap.').max(1_000, 'At most 1,000 mails.'),
  days: z.int('Expected whole days.').min(1, 'At least 1 day.').max(365, 'At most 365 days.'),
}).nullable();
const tracking = z.strictObject({ opens: z.boolean(), clicks: z.boolean(), utm: z.boolean() });

export const SendingSettingsView = z.object({ frequencyCap, safetyStops: z.boolean(), tracking }).meta({ id: 'SendingSettings' });

export const sendingSettingsRoutes = [
  route({
    method: 'get', path: '/organization/sending', capability: 'campaigns.view', summary: 'Frequency cap, safety stops and tracking defaults.', tag: 'organization', reply: SendingSettingsView,
    handle: ({ org, services }) => services.sendingSettings.get(org),
  }),
  route({
    method: 'patch', path: '/organization/sending', capability: 'settings.manage', summary: 'Changes what is named of them.', tag: 'organization',
    body: z.strictObject({ frequencyCap: frequencyCap.optional(), safetyStops: z.boolean().optional(), tracking: tracking.optional() }), reply: SendingSettingsView,
    handle: ({ org, actor, body, services }) => services.sendingSettings.update(org, actor.name, body),
  }),
];
