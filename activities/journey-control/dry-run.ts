import { toDocument, typedCustom } from '#domain/customer/document.ts';
import type { Trigger } from '#domain/journey/entry.ts';
import { isMeant } from '#domain/journey/events.ts';
import type { Graph } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import type { JourneyEvent } from '#domain/journey/nodes/node.ts';
import { createSimulation, newSimulation, type Simulation, type SimulationOptions } from '#domain/journey/simulate.ts';
import type { SimulatedPerson } from '#domain/journey/simulate-person.ts';
import type { Rule } from '#domain/segment/ast.ts';
import { eventNames } from '#domain/segment/events.ts';
import { AppError } from '#domain/shared/errors.ts';
import { settled } from '../../infra/db/contention.ts';
import type { Sql } from '../../infra/db/sql.ts';
import { readEventsSince } from '../../infra/journeys/journey-events.ts';
import { mailFilterOf } from '../../infra/journeys/mail-filter.ts';
import { termsOf } from '../../infra/journeys/terms.ts';
import { readRuleContext } from '../../search/context.ts';
import { readCustomerRows, type StoredCustomer } from '../../search/rows.ts';
import { COMPLETE, holdJob, isOvertaken, LATER, type JobWork, type Progress } from './job.ts';
import { stagedAfter, stagePeople } from './stage.ts';

const BATCH = 1_000;
const DAY_MS = 86_400_000;
const RATES_DAYS = 90;
/** Percent of mails that count as opened and clicked where the last 90 days have none. */
const ASSUMED_RATES = { opened: 30, clicked: 3 } as const;

/** What a dry run found, as its job keeps it; examples name people by number, who are erased with them. */
interface DryRunResult {
  /** Percent. `given`: not what the last 90 days say, but asked for or assumed. */
  readonly rates: { readonly opened: number; readonly clicked: number; readonly given: boolean };
  readonly simulation: Simulation;
}

/**
 * Tries the draft, or the live version where there is none, over a list, a segment or who would have entered in the last days.
 * Nothing is sent and nothing changed. What it found so far is kept with the cursor after each batch.
 * @throws AppError `invalid` when list or segment are gone, or the draft does not say who enters
 */
export async function dryRunJob(work: JobWork<'dry_run'>): Promise<Progress> {
  const { tenant, jobId, journeyId, options } = work;
  const { sql } = tenant;
  const journey = await sql.first<{ name: string; draft: Graph | null; live: Graph | null }>(
    'select j.name, j.draft, v.graph as live from journey j left join journey_version v on v.journey_id = j.id and v.no = j.active_version where j.id = $1', [journeyId]);
  const graph = journey?.draft ?? journey?.live;
  if (journey === undefined || graph === null || graph === undefined) throw new AppError('invalid', 'There is nothing to try: the journey has no draft.');
  const { trigger } = termsOf(graph);
  if (options.days !== undefined) refuseUnfinished(trigger);
  const now = work.now();
  const since = options.days === undefined ? now : now - options.days * DAY_MS;
  for (;;) {
    work.goOn();
    if (await isOvertaken(work)) return LATER;
    const before = (await sql.first<{ total: number | null; done: number; cursor: number; result: DryRunResult | null }>('select total, done, cursor_id as cursor, result from journey_job where id = $1', [jobId]))!;
    const ids = before.total === null ? [] : await stagedAfter(sql, jobId, before.cursor, BATCH);
    if (ids.length === 0) {
      if (before.total !== null && before.done >= before.total && before.result !== null) return COMPLETE;
      if (before.total === 0) {
        await keep(work, before.cursor, before.cursor, 0, { simulation: newSimulation(), rates: await ratesOf(sql, options.rates) });
        return COMPLETE;
      }
      await stagePeople(work, options.days === undefined ? options : { query: entrants(trigger, journeyId, since) });
      continue;
    }
    const rates = before.result?.rates ?? (await ratesOf(sql, options.rates));
    const around = await surroundings(work, journey.name, graph, now, rates);
    const people = await readPeople(work, ids, trigger, since, now, options.days !== undefined);
    const simulation = createSimulation({ ...around, mails: await mailFilterOf(sql, people.flatMap((person) => [person.event, ...person.events].map((event) => event?.mailNo ?? null))) }, before.result?.simulation ?? newSimulation());
    for (const person of people) simulation.add(person);
    await keep(work, before.cursor, ids.at(-1)!, ids.length, { simulation: simulation.result, rates });
  }
}

/** Keeps what was found up to a person; an attempt that was overtaken keeps nothing. Whoever was erased meanwhile is no example. */
async function keep(work: JobWork<'dry_run'>, from: number, to: number, done: number, { simulation, rates }: DryRunResult): Promise<void> {
  await settled(work.tenant.sql, async (tx) => {
    const job = await holdJob(tx, work.jobId);
    if (job.cursor !== from) return;
    const examples = simulation.steps.flatMap((step) => step.ports.flatMap((port) => port.examples.map((each) => each.customerId)));
    const known = new Set((await tx.rows<{ id: number }>('select id from customer where id = any($1) order by id for key share', [[...new Set(examples)]])).map((row) => row.id));
    const steps = simulation.steps.map((step) => ({ ...step, ports: step.ports.map((port) => ({ ...port, examples: port.examples.filter((each) => known.has(each.customerId)) })) }));
    await tx.run('update journey_job set cursor_id = $2, done = done + $3, result = $4 where id = $1', [work.jobId, to, done, JSON.stringify({ rates, simulation: { ...simulation, steps } } satisfies DryRunResult)]);
  });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A draft may have no trigger yet. @throws AppError `invalid` where it does not say who enters */
function refuseUnfinished(trigger: Trigger | undefined): void {
  const chosen = trigger?.kind === 'manual' ? true
    : trigger?.kind === 'list' ? UUID.test(trigger.list)
    : trigger?.kind === 'event' ? trigger.campaign === undefined || UUID.test(trigger.campaign)
    : trigger !== undefined && trigger.name !== '';
  if (!chosen) throw new AppError('invalid', 'The entry does not say yet who enters. Complete its trigger, or try the draft with a list or a segment.');
}

/** Who would have entered since an instant, by the draft's trigger; where people are enrolled by hand, who was. */
function entrants(trigger: Trigger, journeyId: string, since: number): { text: string; values: unknown[] } {
  const at = new Date(since).toISOString();
  switch (trigger.kind) {
    case 'manual': return { text: 'select customer_id from enrollment where journey_id = $2 and entered_at >= $3::timestamptz', values: [journeyId, at] };
    case 'list': return { text: 'select customer_id from list_member where list_id = $2 and added_at >= $3::timestamptz', values: [trigger.list, at] };
    case 'custom': return { text: `select customer_id from event where type = 'custom' and detail->>'name' = $2 and occurred_at >= $3::timestamptz`, values: [trigger.name, at] };
    case 'event': return {
      text: `select e.customer_id from event e where e.type = $2 and not e.machine and e.occurred_at >= $3::timestamptz and ($4::uuid is null or e.mail_no in (select mail_no from campaign where id = $4))`,
      values: [trigger.event, at, trigger.campaign ?? null],
    };
  }
}

/** People as they are now, with when they would have entered and what they did since. Who did not do what the trigger asks is left out. */
async function readPeople({ tenant, journeyId }: JobWork<'dry_run'>, ids: readonly number[], trigger: Trigger, since: number, now: number, isPast: boolean): Promise<SimulatedPerson[]> {
  const { sql } = tenant;
  const [rows, context, events] = await Promise.all([
    readCustomerRows(tenant, ids), readRuleContext(tenant), isPast ? readEventsSince(sql, ids, since, eventNames) : new Map<number, JourneyEvent[]>()]);
  const mails = await mailFilterOf(sql, [...events.values()].flatMap((hers) => hers.map((event) => event.mailNo)));
  const entered = isPast ? await enteredAt(sql, trigger, journeyId, ids, since) : null;
  return rows.sort((a, b) => a.id - b.id).flatMap((row): SimulatedPerson[] => {
    const hers = events.get(row.id) ?? [];
    const event = isPast && (trigger.kind === 'event' || trigger.kind === 'custom') ? hers.find((each) => isMeant(filterOf(trigger), each, mails)) : undefined;
    if (isPast && event === undefined && (trigger.kind === 'event' || trigger.kind === 'custom')) return [];
    const at = event?.at ?? entered?.get(row.id) ?? now;
    return [{
      customerId: row.id, enteredAt: at, timezone: row.timezone, fields: fieldsOf(row, context.catalogue), document: toDocument(row, context.catalogue, context.zone),
      event: event ?? null, events: hers.filter((each) => each.at >= at && each !== event),
    }];
  });
}

function filterOf(trigger: Extract<Trigger, { kind: 'event' | 'custom' }>) {
  if (trigger.kind === 'custom') return { event: { type: 'custom', name: trigger.name }, filters: trigger.filters };
  return { event: { type: trigger.event }, ...(trigger.campaign === undefined ? {} : { campaign: trigger.campaign }) };
}

/** When they were added to the list, or enrolled. */
async function enteredAt(sql: Pick<Sql, 'rows'>, trigger: Trigger, journeyId: string, ids: readonly number[], since: number): Promise<Map<number, number>> {
  const at = new Date(since).toISOString();
  const rows = trigger.kind === 'list'
    ? await sql.rows<{ id: number; at: Date }>('select customer_id as id, added_at as at from list_member where list_id = $1 and customer_id = any($2)', [trigger.list, ids])
    : trigger.kind === 'manual'
      ? await sql.rows<{ id: number; at: Date }>('select customer_id as id, min(entered_at) as at from enrollment where journey_id = $1 and customer_id = any($2) and entered_at >= $3::timestamptz group by 1', [journeyId, ids, at])
      : [];
  return new Map(rows.map((row) => [row.id, row.at.getTime()]));
}

/** Fields by path of the merge language, custom ones by their types. */
function fieldsOf(row: StoredCustomer, catalogue: Parameters<typeof typedCustom>[1]): SimulatedPerson['fields'] {
  return {
    email: row.email, first_name: row.firstName, last_name: row.lastName, phone: row.phone, city: row.city, country: row.country, score: row.score, timezone: row.timezone,
    ...Object.fromEntries(Object.entries(typedCustom(row.custom, catalogue)).map(([key, value]) => [`custom.${key}`, value])),
  };
}

async function surroundings({ tenant, journeyId, jobId }: JobWork<'dry_run'>, journeyName: string, graph: Graph, now: number, rates: DryRunResult['rates']): Promise<Omit<SimulationOptions, 'mails'>> {
  const { goal, exits } = termsOf(graph);
  const segments = [...(goal?.kind === 'segment' ? [goal.segment] : []), ...(exits.segment === undefined ? [] : [exits.segment])];
  const rules: Rule[] = [...graph.nodes.flatMap((node) => kindOf(node).rules?.(node.config) ?? []), ...segments.map((segment): Rule => ({ op: 'and', parts: [{ segment, in: true }] }))];
  const context = await readRuleContext(tenant, { op: 'and', parts: rules } satisfies Rule);
  return { graph, journeyId, journeyName, zone: tenant.org.timezone, now, rules: { ...context, now }, rates: { opened: rates.opened / 100, clicked: rates.clicked / 100 }, seed: jobId };
}

/** Rates that were asked for, else those of all mail of the last 90 days, else the usual ones. */
async function ratesOf(sql: Pick<Sql, 'first'>, asked: { readonly opened: number; readonly clicked: number } | undefined): Promise<DryRunResult['rates']> {
  if (asked !== undefined) return { ...asked, given: true };
  const past = await sql.first<{ sent: number; opened: number; clicked: number }>(
    `select coalesce(sum(sent), 0)::float8 as sent, coalesce(sum(unique_opened), 0)::float8 as opened, coalesce(sum(unique_clicked), 0)::float8 as clicked from mail_count where hour > now() - make_interval(days => $1)`, [RATES_DAYS]);
  if (past === undefined || past.sent === 0) return { ...ASSUMED_RATES, given: true };
  const percent = (part: number) => Math.min(100, Math.round((10_000 * part) / past.sent) / 100);
  return { opened: percent(past.opened), clicked: percent(past.clicked), given: false };
}
