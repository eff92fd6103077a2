import { chancesOfBest, drawBatch, pickWinner, variantCount, variantLabel, type Experiment, type ExperimentResult, type VariantCounts } from '#domain/campaign/experiment.ts';
import type { Transaction } from '../infra/db/sql.ts';
import type { CampaignInput } from '../workflows/contracts.ts';

export interface RunningExperiment extends Experiment {
  readonly winner: number | null;
}

export async function readExperiment(tx: Transaction, input: CampaignInput): Promise<RunningExperiment | null> {
  const row = await tx.first<{ experiment: Experiment | null; winner: number | null }>('select experiment, winner from campaign where id = $1 for update', [input.campaignId]);
  return row === undefined || row.experiment === null ? null : { ...row.experiment, winner: row.winner };
}

/** Counts by variant, from 1, as the report has them now. */
async function countsOf(tx: Transaction, input: CampaignInput, variants: number): Promise<VariantCounts[]> {
  const rows = await tx.rows<VariantCounts & { variant: number }>(
    `select variant, sum(sent)::int as sent, sum(unique_opened)::int as opened, sum(unique_clicked)::int as clicked, sum(complained)::int as complained, sum(unsubscribed)::int as unsubscribed
       from mail_count where mail_no = $1 and variant > 0 group by variant`, [input.mailNo]);
  const byVariant = new Map(rows.map(({ variant, ...counts }) => [variant, counts]));
  return Array.from({ length: variants }, (_, i) => byVariant.get(i + 1) ?? { sent: 0, opened: 0, clicked: 0, complained: 0, unsubscribed: 0 });
}

/** When the test is over, epoch ms: its duration after the last test mail, a bandit's after the first. */
export async function testEnd(tx: Transaction, input: CampaignInput, experiment: Experiment): Promise<number> {
  const row = await tx.first<{ first: number | null; last: number | null }>(
    `select floor(extract(epoch from min(m.started_at)) * 1000)::float8 as first, floor(extract(epoch from max(m.ended_at)) * 1000)::float8 as last
       from slice s join message m on m.mail_no = s.mail_no and m.ordinal between s.first_ordinal and s.last_ordinal where s.mail_no = $1 and s.phase = 'test' and m.state in (2, 5)`, [input.mailNo]);
  const from = experiment.distribution === 'bandit' ? row?.first : row?.last;
  return (from ?? 0) + experiment.durationHours * 3_600_000;
}

/** Cuts each of a bandit's batches whose time has come into a slice per variant, by what is known by now. */
export async function drawDueBatches(tx: Transaction, input: CampaignInput, experiment: Experiment): Promise<void> {
  const due = await tx.rows<{ id: number; batch: number; connectionNo: number; from: number; to: number }>(
    `select id, batch, connection_no as "connectionNo", first_ordinal as from, last_ordinal as to from slice
      where mail_no = $1 and phase = 'test' and variant is null and coalesce(not_before, now()) <= clock_timestamp() order by batch, first_ordinal for update`, [input.mailNo]);
  for (const slice of due) {
    const counts = await countsOf(tx, input, variantCount(experiment));
    const parts = drawBatch(slice.to - slice.from + 1, counts, experiment.winnerBy, input.mailNo, slice.batch);
    const ends = parts.map((_, i) => parts.slice(0, i + 1).reduce((sum, part) => sum + part, slice.from - 1));
    await tx.run('delete from slice where id = $1', [slice.id]);
    await tx.run(
      `insert into slice (mail_no, phase, batch, connection_no, variant, first_ordinal, last_ordinal, next_ordinal)
       select $1, 'test', $2, $3, v, last - size + 1, last, last - size + 1 from unnest($4::int[], $5::int[]) with ordinality u(size, last, v) where size > 0`,
      [input.mailNo, slice.batch, slice.connectionNo, parts, ends]);
  }
}

/** Sets the winner once: by the rule, or what a person picked. Again changes nothing. @returns who won in the end; null without an A/B test */
export async function setWinner(tx: Transaction, input: CampaignInput, picked: { readonly variant: number; readonly by: string } | null): Promise<number | null> {
  const experiment = await readExperiment(tx, input);
  if (experiment === null || experiment.winner !== null) return experiment?.winner ?? null;
  const counts = await countsOf(tx, input, variantCount(experiment));
  const chances = chancesOfBest(counts, experiment.winnerBy, input.mailNo);
  const winner = picked?.variant ?? pickWinner(counts, experiment.winnerBy);
  const result: ExperimentResult = {
    winner, by: picked?.by ?? null, at: new Date().toISOString(), variants: counts.map((each, i) => ({ no: i + 1, label: variantLabel(i + 1), chance: chances[i]!, ...each })),
  };
  await tx.run('update campaign set winner = $2, experiment_result = $3 where id = $1', [input.campaignId, winner, JSON.stringify(result)]);
  await tx.run("update slice set variant = $2 where mail_no = $1 and phase = 'rest'", [input.mailNo, winner]);
  return winner;
}
