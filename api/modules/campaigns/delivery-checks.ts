import { usedConnections, type Delivery } from '#domain/campaign/delivery.ts';
import { MAX_VARIANTS, planTest, testSize, variantCount, variantLabel, type Experiment } from '#domain/campaign/experiment.ts';
import { freezeAt, MIN_NOTICE_MS, wallTime, type Schedule } from '#domain/campaign/schedule.ts';
import type { FieldError } from '#domain/shared/errors.ts';

export interface ConnectionStanding {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly health: string;
  readonly healthReason: string | null;
}

/** What stands against sending over these connections. @param known those of the delivery that exist */
export function checkDelivery(delivery: Delivery, known: readonly ConnectionStanding[]): FieldError[] {
  const problems: FieldError[] = [];
  const used = usedConnections(delivery);
  const byId = new Map(known.map((connection) => [connection.id, connection]));
  if (used.length === 0) return [{ field: 'delivery.connections', message: 'Choose a connection to send over.' }];
  if (delivery.mode !== 'single' && used.length < 2) problems.push({ field: 'delivery.connections', message: 'Choose two connections or more, or send over a single one.' });
  if (new Set(used.map((share) => share.id)).size < used.length) problems.push({ field: 'delivery.connections', message: 'A connection is named twice. Remove one of the two.' });
  for (const [i, share] of used.entries()) {
    const connection = byId.get(share.id);
    const field = `delivery.connections[${i}]`;
    if (connection === undefined) problems.push({ field, message: 'This connection does not exist any more. Choose another.' });
    else if (!connection.enabled) problems.push({ field, message: `The connection “${connection.name}” is disabled. Enable it or choose another.` });
    else if (connection.health === 'broken') {
      problems.push({ field, message: `The connection “${connection.name}” is broken${connection.healthReason === null ? '' : ` (${connection.healthReason})`}. Test it, or choose another.` });
    }
    if (delivery.mode === 'split' && share.percent < 1) problems.push({ field: `${field}.percent`, message: 'Give this connection 1 % or more, or remove it.' });
  }
  const sum = used.reduce((total, share) => total + share.percent, 0);
  if (delivery.mode === 'split' && sum !== 100) problems.push({ field: 'delivery.connections', message: `The percentages sum to ${sum}; they must sum to 100.` });
  return problems;
}

/**
 * What stands against an A/B test.
 * @param recipients final recipients, or null when they are not known
 */
export function checkExperiment(experiment: Experiment, own: { readonly tracking: { readonly opens: boolean; readonly clicks: boolean }; readonly schedule: Schedule | null }, recipients: number | null): FieldError[] {
  const problems: FieldError[] = [];
  const problem = (field: string, message: string) => problems.push({ field: `experiment.${field}`, message });
  const count = variantCount(experiment);
  if (count < 2) problem('subjects', 'Add a second subject, content or from name to test, or switch A/B testing off.');
  if (count > MAX_VARIANTS) problem('subjects', `These alternatives make ${count} variants; at most ${MAX_VARIANTS} can be tested. Remove some.`);
  for (const [i, subject] of experiment.subjects.entries()) if (subject.trim() === '') problem(`subjects[${i}]`, `Write subject ${i + 2}, or remove it.`);
  for (const [i, { html }] of experiment.contents.entries()) if (html.trim() === '') problem(`contents[${i}].html`, `Write content ${i + 2}, or remove it.`);
  for (const [i, fromName] of experiment.fromNames.entries()) if (fromName.trim() === '') problem(`fromNames[${i}]`, `Write from name ${i + 2}, or remove it.`);
  if (experiment.winnerBy === 'open_rate' && !own.tracking.opens) problem('winnerBy', 'The winner is found by opens, but opens are not tracked. Track them, or choose the click rate.');
  if (experiment.winnerBy === 'click_rate' && !own.tracking.clicks) problem('winnerBy', 'The winner is found by clicks, but clicks are not tracked. Track them, or choose the open rate.');
  if (experiment.distribution === 'weighted') {
    const sum = experiment.weights.reduce((total, weight) => total + weight, 0);
    if (experiment.weights.length !== count) problem('weights', `Give a weight to each of the ${count} variants, A to ${variantLabel(count)}.`);
    else if (sum !== 100) problem('weights', `The weights sum to ${sum}; they must sum to 100.`);
  }
  if (own.schedule?.zone === 'recipient') problem('distribution', "An A/B test cannot follow each recipient's own time zone. Schedule it by the organization's clock.");
  if (recipients !== null && recipients > 0 && count >= 2 && planTest(recipients, experiment) === null) {
    problem('testPercent', `The test group is ${testSize(recipients, experiment)} of ${recipients} recipients, too few for one mail of each of the ${count} variants. Raise the percentage, or use fewer variants.`);
  }
  return problems;
}

/** What stands against this schedule. @param zone the organization's @param now epoch ms */
export function checkSchedule(schedule: Schedule, zone: string, now: number): FieldError[] {
  if (wallTime(schedule.at) === null) return [{ field: 'at', message: `Expected a date and time like 2026-12-01T09:00, got “${schedule.at}”.` }];
  // Of recipients' own time the first clock of the world may have shown it already: they go out by waves.
  const last = schedule.zone === 'recipient' ? freezeAt(schedule, zone) + 26 * 3_600_000 : freezeAt(schedule, zone);
  if (last < now + MIN_NOTICE_MS) return [{ field: 'at', message: 'This time is over. Choose one at least a minute ahead, or launch now.' }];
  return [];
}
