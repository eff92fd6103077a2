import { standardFields, type CustomField } from '../customer/fields.ts';
import { findField } from '../segment/ast.ts';
import { isAsked, readConfig, type Field } from '../shared/forms.ts';
import { validateConfig } from '../shared/forms-check.ts';
import { checkWays } from './check-ways.ts';
import type { EntryConfig } from './entry.ts';
import type { Graph, GraphNode } from './graph.ts';
import { kindOf } from './nodes/index.ts';
import type { ConfigProblem, NodeProblem } from './nodes/node.ts';
import type { World } from './world.ts';

/** More would not be read; the rest appears once these are mended. */
const MAX_PROBLEMS = 1_000;

/**
 * Everything that stands against publishing a journey, all at once, each on its step and field: errors block, warnings
 * inform. In the order of the steps; what concerns ways between them comes last. About linear in the size of the graph.
 */
export function checkGraph(graph: Graph, world: World): NodeProblem[] {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const problems: NodeProblem[] = [];
  for (const node of graph.nodes) {
    for (const problem of checkNode(node, byId, world)) problems.push({ node: node.id, ...problem });
    if (problems.length > MAX_PROBLEMS) return problems.slice(0, MAX_PROBLEMS);
  }
  return [...problems, ...checkWays(graph)].slice(0, MAX_PROBLEMS);
}

function checkNode(node: GraphNode, byId: ReadonlyMap<string, GraphNode>, world: World): ConfigProblem[] {
  const kind = kindOf(node);
  const form = validateConfig(kind.form, node.config).map(({ field, message }): ConfigProblem => ({ field, message, severity: 'error' }));
  const config = readConfig(kind.form, node.config);
  const missing = [
    ...kind.form.flatMap((field) => (isAsked(field, kind.form, node.config) && config[field.name] !== undefined ? missingOf(field, config, byId, world) : [])),
    ...(node.kind === 'entry' ? missingOfEntry(config as Partial<EntryConfig>, byId, world) : []),
  ].filter((problem) => !form.some(({ field }) => field === problem.field));
  const wrong = [...form, ...missing];
  return [
    ...wrong,
    ...(wrong.length === 0 ? (kind.check?.(node.config, world) ?? []) : []),
    ...(node.kind === 'send' ? world.mailProblems(node).filter((problem) => !wrong.some(({ field }) => field === problem.field)) : []),
  ];
}

const gone = (field: string, what: string): ConfigProblem => ({ field, message: `This ${what} does not exist any more. Choose another ${what}.`, severity: 'error' });

/** What a field refers to and there is not. */
function missingOf(field: Field, config: Readonly<Record<string, unknown>>, byId: ReadonlyMap<string, GraphNode>, world: World): ConfigProblem[] {
  const id = config[field.name];
  switch (field.type) {
    case 'list':
    case 'segment':
    case 'campaign':
    case 'journey':
    case 'connection': return world.has(field.type, id as string) ? [] : [gone(field.name, field.type)];
    case 'send-step':
      if (field.of === 'any') return typeof config['journey'] !== 'string' || isSendStep(config['journey'], id as string, byId, world) ? [] : [gone(field.name, 'email')];
      return byId.get(id as string)?.kind === 'send' ? [] : [gone(field.name, 'email')];
    case 'customer-field': return fieldProblems(field, id as string, world.catalogue);
    default: return [];
  }
}

/** The journey may be this one, whose steps count before they are published. */
function isSendStep(journey: string, step: string, byId: ReadonlyMap<string, GraphNode>, world: World): boolean {
  return byId.get(step)?.kind === 'send' || world.hasStep(journey, step);
}

function fieldProblems({ name, types, writable = false }: Extract<Field, { type: 'customer-field' }>, path: string, catalogue: readonly CustomField[]): ConfigProblem[] {
  const problem = (message: string): ConfigProblem[] => [{ field: name, message, severity: 'error' }];
  const target = findField(path, catalogue);
  if (target === null) return problem(`There is no field ${path}. Choose another field, or add this one to your custom fields.`);
  if (writable && (path === 'email' || !(path.startsWith('custom.') || Object.hasOwn(standardFields, path)))) return problem(`The field ${path} cannot be used here. Choose another field.`);
  return types === undefined || types.includes(target.type) ? [] : problem(`${path} is a ${target.type} field; choose a ${types.join(' or ')} field.`);
}

function missingOfEntry({ trigger, goal, exits }: Partial<EntryConfig>, byId: ReadonlyMap<string, GraphNode>, world: World): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const look = (kind: 'list' | 'segment' | 'campaign' | 'journey', id: string | undefined, field: string) => {
    if (id !== undefined && id !== '' && !world.has(kind, id)) problems.push(gone(field, kind));
  };
  if (trigger?.kind === 'list') look('list', trigger.list, 'trigger.list');
  if (trigger?.kind === 'event') look('campaign', trigger.campaign, 'trigger.campaign');
  if (goal?.kind === 'segment') look('segment', goal.segment, 'goal.segment');
  if (goal?.kind === 'event') {
    look('campaign', goal.campaign, 'goal.campaign');
    look('journey', goal.journey, 'goal.journey');
    if (goal.journey !== undefined && goal.step !== undefined && goal.step !== '' && problems.length === 0 && !isSendStep(goal.journey, goal.step, byId, world)) problems.push(gone('goal.step', 'email'));
  }
  look('segment', exits?.segment, 'exits.segment');
  return problems;
}
