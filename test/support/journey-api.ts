import { expect } from 'vitest';
import type { Graph } from '#domain/journey/graph.ts';
import type { Sql } from '../../infra/db/sql.ts';
import type { Client } from './api.ts';

/** Journeys through the API, as a person makes them. */

/** A draft with these steps. */
export async function draftJourney(user: Client, name: string, graph: Graph): Promise<{ id: string; draftVersion: number }> {
  const made = await user.post('/journeys', { name });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { id, draft } = made.body as { id: string; draft: { version: number } };
  const saved = await user.request('PUT', `/journeys/${id}/draft`, { version: draft.version, graph });
  expect(saved.status, JSON.stringify(saved.body)).toBe(200);
  return { id, draftVersion: saved.body.version };
}

/** A live journey with these steps. */
export async function publishedJourney(user: Client, name: string, graph: Graph): Promise<string> {
  const { id, draftVersion } = await draftJourney(user, name, graph);
  const published = await user.post(`/journeys/${id}/publish`, { draftVersion });
  expect(published.status, JSON.stringify(published.body)).toBe(200);
  return id;
}

/** The next version of a live journey. */
export async function publishNext(user: Client, id: string, graph: Graph, people: 'stay' | 'move' = 'stay', note = ''): Promise<void> {
  const draft = await user.post(`/journeys/${id}/draft`, {});
  expect(draft.status, JSON.stringify(draft.body)).toBe(201);
  const saved = await user.request('PUT', `/journeys/${id}/draft`, { version: draft.body.version, graph });
  expect(saved.status, JSON.stringify(saved.body)).toBe(200);
  const published = await user.post(`/journeys/${id}/publish`, { draftVersion: saved.body.version, people, note });
  expect(published.status, JSON.stringify(published.body)).toBe(200);
}

export async function connect(user: Client, name = 'Post'): Promise<string> {
  const made = await user.post('/connections', { vendor: 'smtp', name, host: 'smtp.example', fromEmail: 'news@shop.example' });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body.id;
}

export async function customers(user: Client, ...names: readonly string[]): Promise<number[]> {
  const ids: number[] = [];
  for (const name of names) {
    const made = await user.post('/customers', { email: `${name.toLowerCase()}@example.com`, firstName: name });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    ids.push(made.body.id);
  }
  return ids;
}

/** Puts people on a step as the engine would, each with a run of her own in one cohort. @returns ids of the runs, in order */
export async function seat(sql: Sql, journeyId: string, version: number, node: string, customerIds: readonly number[], at: { readonly state?: string; readonly reason?: string | null; readonly dueAt?: Date | null } = {}): Promise<number[]> {
  const cohort = (await sql.first<{ id: number }>('insert into cohort (journey_id, version_no, size) values ($1, $2, $3) returning id', [journeyId, version, customerIds.length]))!;
  const { state = 'active', reason = null, dueAt = new Date(Date.now() + 3_600_000) } = at;
  const rows = await sql.rows<{ id: number }>(
    `insert into enrollment (journey_id, version_no, cohort_id, customer_id, node_id, state, reason, entered_at, arrived_at, due_at, ended_at)
     select $1, $2, $3, u, $5, $6, $7, now(), now(), $8, case when $6 <> 'active' then now() end from unnest($4::bigint[]) with ordinality x(u, n) order by n returning id`,
    [journeyId, version, cohort.id, customerIds, node, state, reason, state === 'active' ? dueAt : null]);
  return rows.map((row) => row.id);
}
