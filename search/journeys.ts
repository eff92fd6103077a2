import type { Sql } from '../infra/db/sql.ts';

/** A journey as conditions can ask for its mail. */
export interface JourneySource {
  readonly id: string;
  readonly name: string;
  /** Numbers of the mails of all its versions. */
  readonly mails: readonly { readonly no: number; readonly step: string }[];
  /** Send steps of all its versions, each once under its newest name, in the order of their first mails. */
  readonly steps: readonly { readonly id: string; readonly name: string }[];
}

/** Journeys by name. @param ids null: all that were ever published and are not archived */
export async function readJourneySources(sql: Pick<Sql, 'rows'>, ids: readonly string[] | null): Promise<JourneySource[]> {
  const journeys = await sql.rows<{ id: string; name: string }>(
    `select id::text, name from journey j where case when $1::uuid[] is null then state <> 'archived' and exists (select from journey_version v where v.journey_id = j.id) else id = any($1) end order by lower(name), id`, [ids]);
  if (journeys.length === 0) return [];
  const mails = await sql.rows<{ journey: string; no: number; step: string }>(
    `select ref_id::text as journey, no, step_id as step from mail where kind = 'journey' and ref_id = any($1::uuid[]) order by no`, [journeys.map((journey) => journey.id)]);
  const names = await sql.rows<{ journey: string; step: string; name: string }>(
    `select distinct on (v.journey_id, n.id) v.journey_id::text as journey, n.id as step, n.name
       from journey_version v cross join lateral jsonb_to_recordset(v.graph->'nodes') n(id text, name text, kind text)
      where v.journey_id = any($1::uuid[]) and n.kind = 'send' order by v.journey_id, n.id, v.no desc`, [journeys.map((journey) => journey.id)]);
  const nameOf = new Map(names.map(({ journey, step, name }) => [`${journey} ${step}`, name]));
  const byJourney = Map.groupBy(mails, (mail) => mail.journey);
  return journeys.map(({ id, name }) => {
    const sent = byJourney.get(id) ?? [];
    return { id, name, mails: sent.map(({ no, step }) => ({ no, step })), steps: [...new Set(sent.map((mail) => mail.step))].map((step) => ({ id: step, name: nameOf.get(`${id} ${step}`) ?? step })) };
  });
}
