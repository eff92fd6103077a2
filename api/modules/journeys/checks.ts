import { sayProblem } from '#domain/content/check.ts';
import { checkGraph } from '#domain/journey/check.ts';
import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { idsOf, mentionsOfGraph } from '#domain/journey/mentions.ts';
import type { ConfigProblem, NodeProblem } from '#domain/journey/nodes/node.ts';
import type { World } from '#domain/journey/world.ts';
import type { FieldError } from '#domain/shared/errors.ts';
import { openSecrets } from '../../../infra/journeys/secrets.ts';
import { isAddress } from '../../../infra/mail/mime.ts';
import { checkWritten } from '../../../infra/mail/mjml.ts';
import type { Secrets } from '../../../infra/secrets.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';

/** Everything that stands against publishing a graph, on its steps: its own shape, what it refers to, what its mails say. */
export async function checkJourney(tenant: Tenant, secrets: Secrets, journeyId: string, graph: Graph, now: number): Promise<NodeProblem[]> {
  return checkGraph(openSecrets(secrets, tenant.org.id, journeyId, graph), await readWorld(tenant, graph, now));
}

/** Problems as a refusal names them: `steps.<id>.<field>`. */
export function toFieldErrors(problems: readonly NodeProblem[]): FieldError[] {
  return problems.map(({ node, field, message }) => ({ field: ['steps', node, field].filter((part) => part !== null && part !== '').join('.'), message }));
}

async function readWorld({ sql, org }: Tenant, graph: Graph, now: number): Promise<World> {
  const ids = idsOf(mentionsOfGraph(graph));
  const [catalogue, known, steps] = await Promise.all([
    readCatalogue({ sql }),
    sql.rows<{ kind: string; id: string }>(
      ['list', 'segment', 'campaign', 'journey', 'connection'].map((kind) => `select '${kind}' as kind, id::text from ${kind} where id = any($1::uuid[])`).join(' union all '), [ids]),
    sql.rows<{ journey: string; step: string }>(`select distinct ref_id::text as journey, step_id as step from mail where kind = 'journey' and ref_id = any($1::uuid[])`, [ids]),
  ]);
  const there = new Set(known.map(({ kind, id }) => `${kind} ${id}`));
  const sent = new Set(steps.map(({ journey, step }) => `${journey} ${step}`));
  const customKeys = new Set(catalogue.map((field) => field.key));
  const problemsByNode = new Map<string, readonly ConfigProblem[]>();
  for (const node of graph.nodes) if (node.kind === 'send') problemsByNode.set(node.id, await checkStepMail(node, customKeys));
  return {
    has: (kind, id) => there.has(`${kind} ${id.toLowerCase()}`),
    hasStep: (journey, step) => sent.has(`${journey.toLowerCase()} ${step}`),
    catalogue, zone: org.timezone, now,
    mailProblems: (node) => problemsByNode.get(node.id) ?? [],
  };
}

/** What is wrong with what a send step says; what it leaves out its form asks for. */
export async function checkStepMail({ config }: Pick<GraphNode, 'config'>, customKeys: ReadonlySet<string>): Promise<ConfigProblem[]> {
  const text = (key: string): string => (typeof config[key] === 'string' ? (config[key] as string) : '');
  const problems: ConfigProblem[] = [];
  for (const field of ['fromEmail', 'replyTo']) {
    if (text(field) !== '' && !isAddress(text(field))) problems.push({ field, message: 'Expected an address like news@example.com.', severity: 'error' });
  }
  const content = { subject: text('subject'), preheader: text('preheader'), fromName: text('fromName'), html: text('html'), text: text('text') };
  const { errors, warnings } = await checkWritten(content, { customKeys, at: 'launch', of: 'journey' });
  for (const problem of errors) problems.push({ field: problem.field, message: sayProblem(problem), severity: 'error' });
  for (const problem of warnings) problems.push({ field: problem.field, message: sayProblem(problem), severity: 'warning' });
  return problems;
}
