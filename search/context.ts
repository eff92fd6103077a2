import { mentionsOf, type MailSource, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { readJourneySources } from './journeys.ts';
import type { SearchScope } from './scope.ts';
import { liveIndex, type IndexVersion } from './versions.ts';

/** A rule's context with the index whose fields it names. */
export interface LiveContext extends RuleContext {
  readonly index: IndexVersion;
}

/** Segments in segments are read level by level; more levels than a rule may have are a circle, which `checkRule` names. */
const MAX_LEVELS = 100;

/**
 * Everything a rule is read against, as the live index has it.
 * @param rule any JSON; what it mentions is looked for as far as it has the shape of a rule
 */
export async function readRuleContext(scope: Pick<SearchScope, 'org' | 'sql'>, rule?: unknown): Promise<LiveContext> {
  const index = await liveIndex(scope);
  const lists = await scope.sql.rows<{ id: string; name: string }>(`select id::text, name from list`);
  const segments: Record<string, { name: string; rule: Rule }> = Object.create(null) as never;
  const campaigns = new Set<string>();
  const journeys = new Set<string>();
  const customEvents = new Set<string>();

  let level: readonly unknown[] = rule === undefined ? [] : [rule];
  for (let depth = 0; level.length > 0 && depth < MAX_LEVELS; depth++) {
    const wanted = new Set<string>();
    for (const each of level) {
      const found = mentionsOf(shapedLikeRule(each));
      found.campaigns.forEach((id) => campaigns.add(id));
      found.journeys.forEach((id) => journeys.add(id));
      found.customEvents.forEach((name) => customEvents.add(name));
      found.segments.forEach((id) => !(id in segments) && UUID.test(id) && wanted.add(id));
    }
    const rows = wanted.size === 0 ? [] : await scope.sql.rows<{ id: string; name: string; rule: Rule }>('select id::text, name, rule from segment where id = any($1::uuid[])', [[...wanted]]);
    for (const { id, name, rule: inner } of rows) segments[id] = { name, rule: inner };
    level = rows.map((row) => row.rule);
  }

  return {
    index, catalogue: index.catalogue, zone: index.zone, now: Date.now(),
    lists: Object.fromEntries(lists.map((list) => [list.id, list.name])),
    segments,
    sources: await readSources(scope, [...campaigns], [...journeys]),
    customEvents: customEvents.size === 0 ? {} : Object.fromEntries(
      (await scope.sql.rows<{ name: string; no: number }>('select name, no from custom_event where name = any($1::text[])', [[...customEvents]])).map((row) => [row.name, row.no])),
  };
}

async function readSources(scope: Pick<SearchScope, 'sql'>, campaigns: readonly string[], journeys: readonly string[]): Promise<Record<string, MailSource>> {
  const sources: Record<string, MailSource> = {};
  const wanted = [...campaigns, ...journeys].filter((id) => UUID.test(id));
  if (wanted.length === 0) return sources;
  const rows = await scope.sql.rows<{ id: string; name: string; no: number }>('select id::text, name, mail_no as no from campaign where id = any($1::uuid[])', [wanted]);
  for (const { id, name, no } of rows) sources[id] = { kind: 'campaign', name, mails: [{ no }] };
  for (const { id, name, mails, steps } of await readJourneySources(scope.sql, wanted)) sources[id] = { kind: 'journey', name, mails, steps: Object.fromEntries(steps.map((step) => [step.id, step.name])) };
  return sources;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_NODES = 100_000;

/** The groups and conditions of any JSON that look like ones, so that what they mention can be collected before the check. */
function shapedLikeRule(input: unknown): Rule {
  const parts: Rule['parts'][number][] = [];
  const todo: unknown[] = [input];
  for (let seen = 0; todo.length > 0 && seen < MAX_NODES; seen++) {
    const node = todo.pop();
    if (typeof node !== 'object' || node === null) continue;
    const record = node as Record<string, unknown>;
    if (Array.isArray(record['parts'])) for (const part of (record['parts'] as unknown[]).slice(0, MAX_NODES)) todo.push(part);
    else if (['list', 'segment', 'event'].some((kind) => typeof record[kind] === 'string') && ['campaign', 'journey', 'name'].every((key) => record[key] === undefined || typeof record[key] === 'string')) parts.push(node as never);
  }
  return { op: 'and', parts };
}
