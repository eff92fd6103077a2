import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Sql, Transaction } from '../db/sql.ts';
import { journeySource, type NamedJourney } from '../mail/journey-source.ts';
import { expandMarkup } from '../mail/mjml.ts';
import { compileVariants, type TrackedLink } from '../mail/variants.ts';
import type { Tenant } from '../tenancy/registry.ts';

/** Links do not depend on whose they are: nothing is minted to find them. */
const linksOnly = { ids: { mint: () => [], read: () => null, orgNoOf: () => null }, baseUrl: '' };

/**
 * Makes the mails of a version's send steps with the destinations of their links, as a campaign's freeze does: part of the
 * transaction that publishes it. They are open unless the journey is paused.
 * @throws AppError `invalid` naming the step whose mail cannot be made; `not_found` when the journey is gone
 */
export async function prepareJourneyMails(tenant: Pick<Tenant, 'org'>, tx: Transaction, journeyId: string, versionNo: number, graph: Graph): Promise<void> {
  const journey = await tx.first<NamedJourney & { state: string }>('select name, slug, state from journey where id = $1', [journeyId]);
  if (journey === undefined) throw new AppError('not_found', 'This journey does not exist.');
  const steps = graph.nodes.filter((node) => node.kind === 'send');
  const made = await tx.rows<{ no: number; step: string }>(
    `insert into mail (kind, ref_id, version_no, step_id, open) select 'journey', $1, $2, s, $3 from unnest($4::text[]) with ordinality u(s, n) order by n returning no, step_id as step`,
    [journeyId, versionNo, journey.state !== 'paused', steps.map((step) => step.id)]);
  const noByStep = new Map(made.map((mail) => [mail.step, mail.no]));
  const links: (TrackedLink & { readonly mailNo: number; readonly no: number })[] = [];
  for (const step of steps) {
    const mailNo = noByStep.get(step.id)!;
    links.push(...(await linksOf(tenant, mailNo, journey, step)).map((link, no) => ({ ...link, mailNo, no })));
  }
  await tx.run('insert into link (mail_no, no, url) select * from unnest($1::int[], $2::int2[], $3::text[])', [links.map((link) => link.mailNo), links.map((link) => link.no), links.map((link) => link.url)]);
}

async function linksOf(tenant: Pick<Tenant, 'org'>, mailNo: number, journey: NamedJourney, step: GraphNode): Promise<readonly TrackedLink[]> {
  try {
    const mail = await expandMarkup({ variants: [journeySource(tenant, mailNo, journey, step)], hasExperiment: false });
    return compileVariants(mail, linksOnly).links;
  } catch (error) {
    const message = `The mail of “${step.name}” cannot be made: ${error instanceof Error ? error.message : String(error)}`;
    throw new AppError('invalid', message, [{ field: `steps.${step.id}`, message }], { cause: error });
  }
}

/** Opens or closes all mails of a journey: once closed, no intent is granted from the caller's commit on. After the journey's own row, as everybody locks them. */
export async function setJourneyMailsOpen(tx: Pick<Sql, 'run'>, journeyId: string, open: boolean): Promise<void> {
  await tx.run(
    `with held as (select no from mail where kind = 'journey' and ref_id = $1 and open <> $2 order by no for no key update) update mail m set open = $2 from held where m.no = held.no`, [journeyId, open]);
}
