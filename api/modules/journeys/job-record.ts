import type { z } from 'zod';
import type { Simulation } from '#domain/journey/simulate.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { EnrollOptions, JobAction, JobOptions } from '../../../infra/journeys/jobs.ts';
import type { DryRunView, JobView, jobStates } from './job-views.ts';

/** A row of long work on a journey. */
export interface JobRecord {
  readonly id: string; readonly action: JobAction; readonly state: (typeof jobStates)[number]; readonly problem: string | null; readonly total: number | null; readonly done: number;
  readonly options: JobOptions[JobAction]; readonly result: Record<string, unknown> | null; readonly createdBy: string; readonly createdAt: Date; readonly startedAt: Date | null; readonly endedAt: Date | null;
}

/** @param dryRun what a dry run found; null while it runs, in lists, and of other work */
export function toJobView(record: JobRecord, dryRun: z.input<typeof DryRunView> | null): z.input<typeof JobView> {
  const counts = Object.entries(record.result ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return {
    id: record.id, action: record.action, state: record.state, problem: record.problem, total: record.total, done: record.done, about: aboutOf(record),
    result: record.result === null || record.action === 'dry_run' ? null : Object.fromEntries(counts), dryRun,
    createdBy: record.createdBy, createdAt: record.createdAt.toISOString(), startedAt: record.startedAt?.toISOString() ?? null, endedAt: record.endedAt?.toISOString() ?? null,
  };
}

/** What it is about, in words. Typed addresses are told by their number. */
function aboutOf({ action, options }: JobRecord): string {
  switch (action) {
    case 'enroll': return sourceOf(options as EnrollOptions);
    case 'dry_run': {
      const { days, ...source } = options as JobOptions['dry_run'];
      return days === undefined ? sourceOf(source) : `who would have entered in the last ${days === 1 ? 'day' : `${days} days`}`;
    }
    case 'migrate': {
      const { from, to } = options as JobOptions['migrate'];
      return `${from === null ? 'earlier versions' : `version ${from}`} to version ${to}`;
    }
    case 'undo': return 'the last move of people';
    case 'archive': return 'everybody in the journey';
    case 'resume': return 'whose time came while it was paused';
    case 'remove': return 'the journey';
  }
}

function sourceOf({ list, segment, addresses = 0 }: Pick<EnrollOptions, 'list' | 'segment' | 'addresses'>): string {
  if (list !== undefined) return `list “${list.name}”`;
  if (segment !== undefined) return `segment “${segment.name}”`;
  return addresses === 1 ? 'one address' : `${addresses.toLocaleString('en-US')} addresses`;
}

/** What a dry run keeps in its row: people by their ids. */
interface DryRunResult {
  readonly rates: { readonly opened: number; readonly clicked: number; readonly given: boolean };
  readonly simulation: Simulation;
}

/** @returns null before anybody was tried */
export async function toDryRunView(sql: Pick<Sql, 'rows'>, result: Record<string, unknown> | null): Promise<z.input<typeof DryRunView> | null> {
  if (result === null) return null;
  const { rates, simulation } = result as unknown as DryRunResult;
  const shown = simulation.steps.flatMap(({ ports }) => ports.flatMap(({ examples }) => examples.map((example) => example.customerId)));
  const emails = new Map((await sql.rows<{ id: number; email: string }>('select id, email from customer where id = any($1::bigint[])', [[...new Set(shown)]])).map((row) => [row.id, row.email]));
  const { people, suppressed, completed, active, goals } = simulation;
  return {
    people, suppressed, completed, active, goals, exited: { ...simulation.exited }, rates: { ...rates }, mails: simulation.mails.map(({ day, mails }) => ({ day, mails })),
    steps: simulation.steps.map((step) => ({
      node: step.node, people: step.people,
      ports: step.ports.map((port) => ({
        port: port.port, people: port.people, assumed: port.assumed,
        examples: port.examples.map(({ customerId, because }) => ({ customerId, email: emails.get(customerId) ?? null, because })),
      })),
    })),
  };
}
