import type { z } from 'zod';
import { allows, type Role } from '#domain/access.ts';
import { percent } from '#domain/campaign/metrics.ts';
import { mentionsOfGraph, idsOf } from '#domain/journey/mentions.ts';
import type { Names } from '#domain/journey/nodes/node.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import { allowedJourneyActions } from '#domain/journey/status.ts';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { findJourney, type JourneyRecord } from './queries.ts';
import { namesOfMentions } from './uses.ts';
import type { JourneyRowView, JourneyView } from './views.ts';

export type JourneyReader = ReturnType<typeof createJourneyReader>;

/** Journeys as they stand: what drafts, the lifecycle and the screens read alike. */
export function createJourneyReader({ gateway }: Pick<Container, 'gateway'>) {
  /** @throws AppError `not_found` */
  async function find(sql: Pick<Sql, 'first'>, id: string): Promise<JourneyRecord> {
    const record = await findJourney(sql, id);
    if (record === undefined) throw notFound('journey');
    return record;
  }

  const shared = (record: JourneyRecord, role: Role, names: Readonly<Record<string, string>>) => ({
    id: record.id, name: record.name, state: record.state, ...triggerOf(record, names),
    active: record.active, enrolled: record.enrolled, goals: record.goals, goalRate: percent(record.goals, record.enrolled), hasGoal: (record.entry?.goal ?? null) !== null,
    hasDraft: record.hasDraft, problem: record.problem, problemStep: record.problemStep, allowed: allowedJourneyActions({ ...record, isLive: record.activeVersion !== null }, role),
    version: record.version, createdBy: record.createdBy, createdAt: record.createdAt.toISOString(), updatedAt: record.updatedAt.toISOString(), archivedAt: record.archivedAt?.toISOString() ?? null,
  });

  return {
    find,

    async rows(sql: Sql, records: readonly JourneyRecord[], role: Role): Promise<z.input<typeof JourneyRowView>[]> {
      const names = await namesFor(sql, records);
      return records.map((record) => ({ ...shared(record, role, names), activeVersion: record.activeVersion }));
    },

    async view(sql: Sql, record: JourneyRecord, role: Role): Promise<z.input<typeof JourneyView>> {
      const { activeVersion, publishedAt, publishedBy, note } = record;
      const isLive = activeVersion !== null && publishedAt !== null && publishedBy !== null;
      return {
        ...shared(record, role, await namesFor(sql, [record])), slug: record.slug,
        activeVersion: isLive ? { no: activeVersion, publishedAt: publishedAt.toISOString(), publishedBy, note: note ?? '' } : null,
        draft: record.hasDraft ? { version: record.draftVersion, changedAt: record.draftChangedAt.toISOString() } : null,
        temporalUrl: record.wasPublished && allows(role, 'operations.view') ? gateway.workflowsUrl(record.id) : null,
      };
    },
  };
}

function triggerOf({ entry }: JourneyRecord, names: Readonly<Record<string, string>>): Pick<z.input<typeof JourneyRowView>, 'trigger' | 'triggerKind'> {
  return { trigger: nodeKinds.entry.describe(entry ?? {}, namesFrom(names)), triggerKind: entry?.trigger?.kind ?? 'none' };
}

async function namesFor(sql: Sql, records: readonly JourneyRecord[]): Promise<Record<string, string>> {
  const configs = records.map(({ entry }) => ({ id: 'entry', kind: 'entry' as const, name: '', config: { trigger: entry?.trigger }, x: 0, y: 0 }));
  return namesOfMentions(sql, idsOf(mentionsOfGraph({ nodes: configs })));
}

/** Names by id as a step describes itself with them. @param steps names of steps by id */
export function namesFrom(byId: Readonly<Record<string, string>>, steps: Readonly<Record<string, string>> = {}): Names {
  const find = (id: string) => byId[id.toLowerCase()] ?? null;
  return { list: find, segment: find, campaign: find, journey: find, connection: find, step: (id) => steps[id] ?? null };
}
