import type { z } from 'zod';
import { idsOf, mentionsOfGraph } from '#domain/journey/mentions.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { JourneyRecord } from './queries.ts';
import { namesFrom, type JourneyReader } from './reader.ts';
import { namesOfMentions } from './uses.ts';
import type { RefusalsView } from './views.ts';

export type JourneyRefusals = ReturnType<typeof createJourneyRefusals>;

type Causes = z.input<typeof RefusalsView>['causes'];

/** The newest of those who did not get in. */
const SHOWN = 20;

/** "Why is nobody entering?": what stands in the way, and who was turned away. */
export function createJourneyRefusals({ tenants }: Pick<Container, 'tenants'>, reader: JourneyReader) {
  return {
    explain: (orgId: string, id: string) => tenants.use(orgId, async ({ sql, org }): Promise<z.input<typeof RefusalsView>> => {
      const journey = await reader.find(sql, id);
      const refused = await sql.rows<{ at: Date; customerId: number | null; email: string | null; reason: 'reentry' | 'suppressed' }>(
        `select r.at, c.id as "customerId", c.email, r.reason from (select * from journey_refusal where journey_id = $1 order by id desc limit ${SHOWN}) r left join customer c on c.id = r.customer_id order by r.id desc`, [id]);
      const names = await namesOfMentions(sql, idsOf(mentionsOfGraph({ nodes: [{ id: 'entry', kind: 'entry', name: '', config: { ...journey.entry }, x: 0, y: 0 }] })));
      return {
        state: journey.state, trigger: nodeKinds.entry.describe({ ...journey.entry }, namesFrom(names)),
        causes: [...(await causesOf(sql, journey, names, org.timezone)), ...refusalCauses(journey, new Set(refused.map((each) => each.reason)))],
        data: refused.map(({ at, ...each }) => ({ at: at.toISOString(), ...each })),
      };
    }),
  };
}

async function causesOf(sql: Pick<Sql, 'first'>, journey: JourneyRecord, names: Readonly<Record<string, string>>, zone: string): Promise<Causes> {
  if (journey.state === 'draft') return [{ code: 'draft', message: 'The journey is a draft. Nobody enters before it is published.' }];
  if (journey.state === 'archived') return [{ code: 'archived', message: 'The journey is archived. Nobody enters any more.' }];
  if (journey.state === 'paused') return [{ code: 'paused', message: 'The journey is paused. Nobody enters, and who would have entered meanwhile is not made up for when it is resumed.' }];
  const trigger = journey.entry?.trigger;
  switch (trigger?.kind) {
    case 'list': {
      const name = names[trigger.list.toLowerCase()];
      if (name === undefined) return [{ code: 'list_gone', message: 'The list that brings people in was deleted. Choose another one and publish again.' }];
      const armed = await sql.first<{ at: Date }>('select armed_at as at from journey_trigger where journey_id = $1', [journey.id]);
      const since = armed === undefined ? '' : ` (${new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: zone }).format(armed.at)})`;
      return [{ code: 'list_later', message: `Only who is added to “${name}” after publishing${since} enters. Members from before are brought in by Enroll Contacts.` }];
    }
    case 'event': return [{ code: 'event', message: trigger.campaign === undefined ? `Whoever ${deeds[trigger.event] ?? trigger.event} after publishing enters; what machines do does not count.` : `Whoever ${deeds[trigger.event] ?? trigger.event} “${names[trigger.campaign.toLowerCase()] ?? 'a deleted campaign'}” after publishing enters; other mail does not count, nor what machines do.` }];
    case 'custom': return [{ code: 'event', message: `Whoever has an event “${trigger.name}” after publishing enters${trigger.filters.length > 0 ? ', if its properties pass the filters' : ''}. Check that it arrives under exactly this name.` }];
    default: return [{ code: 'manual', message: 'Nobody enters by herself: people are brought in by Enroll Contacts or the API.' }];
  }
}

const deeds: Readonly<Record<string, string>> = { opened: 'opens', clicked: 'clicks', bounced: 'bounces', complained: 'complains', unsubscribed: 'unsubscribes' };

function refusalCauses({ entry }: JourneyRecord, reasons: ReadonlySet<string>): Causes {
  const causes: Causes = [];
  if (reasons.has('reentry')) {
    causes.push({ code: 'reentry', message: entry?.reentry === 'after_completion' ? 'Some were turned away because they are still in the journey.' : 'Some were turned away because they were in the journey before. Re-entry can be allowed in the Entry step.' });
  }
  if (reasons.has('suppressed')) causes.push({ code: 'suppressed', message: 'Some were turned away because they get no mail: suppressed, unsubscribed or bounced.' });
  return causes;
}
