import { standardFields, systemFields, type CustomField } from '../customer/fields.ts';
import type { FieldError } from '../shared/errors.ts';
import { conditionsOf, findField, isSegmentCondition, MAX_CONDITIONS, MAX_DEPTH, readOperand, shown, type Node, type Rule, type RuleContext } from './ast.ts';
import { eventNames, eventOperators } from './events.ts';
import { isOperator, operators, type OperatorRow } from './operators.ts';
import { windowProblem } from './windows.ts';

const MAX_PROBLEMS = 100;

/**
 * Everything wrong with a rule, each with the path of its field; an empty list means it can be asked.
 * Takes any JSON: shape, depth and size are checked without recursion.
 * @param self id of the segment the rule is to be saved as: it may not be mentioned by what the rule mentions
 */
export function checkRule(input: unknown, context: RuleContext, path = 'rule', self?: string): FieldError[] {
  const problems: FieldError[] = [];
  const todo: { node: unknown; path: string; depth: number }[] = [{ node: input, path, depth: 0 }];
  let conditions = 0;
  while (todo.length > 0 && problems.length < MAX_PROBLEMS) {
    const { node, path: at, depth } = todo.pop()!;
    const refuse: Refuse = (field, message) => void problems.push({ field: field === '' ? at : `${at}.${field}`, message });
    if (typeof node !== 'object' || node === null || Array.isArray(node)) {
      refuse('', 'Expected a group or a condition.');
      continue;
    }
    const record = node as Record<string, unknown>;
    if ('op' in record) {
      onlyKnown(record, ['op', 'parts'], refuse);
      if (record['op'] !== 'and' && record['op'] !== 'or' && record['op'] !== 'not') refuse('op', 'Expected and, or, or not.');
      if (!Array.isArray(record['parts'])) refuse('parts', 'Expected a list of conditions and groups.');
      else if (depth >= MAX_DEPTH) refuse('', `Groups may be nested ${MAX_DEPTH} levels deep.`);
      else if (todo.length + record['parts'].length > MAX_CONDITIONS * 2) {
        problems.push({ field: path, message: tooMany });
        break;
      } else for (let i = record['parts'].length - 1; i >= 0; i--) todo.push({ node: record['parts'][i], path: `${at}.parts[${i}]`, depth: depth + 1 });
      continue;
    }
    if (depth === 0) {
      refuse('', 'A rule begins with a group: { "op": "and", "parts": [ … ] }.');
      continue;
    }
    if (++conditions > MAX_CONDITIONS) {
      problems.push({ field: path, message: tooMany });
      break;
    }
    if ('list' in record) checkMember(record, 'list', context.lists, refuse);
    else if ('segment' in record) checkMember(record, 'segment', context.segments, refuse);
    else if ('event' in record) checkEvent(record, context, refuse);
    else checkAttribute(record, context, refuse);
  }
  if (problems.length === 0) problems.push(...checkSegments(input as Rule, context, path, self));
  return problems;
}

type Refuse = (field: string, message: string) => void;

const tooMany = `A rule holds at most ${MAX_CONDITIONS.toLocaleString('en-US')} conditions.`;

function onlyKnown(record: Record<string, unknown>, known: readonly string[], refuse: Refuse): void {
  const unknown = Object.keys(record).find((key) => !known.includes(key));
  if (unknown !== undefined) refuse(unknown, 'Unknown property.');
}

function checkMember(record: Record<string, unknown>, kind: 'list' | 'segment', known: Readonly<Record<string, unknown>>, refuse: Refuse): void {
  onlyKnown(record, [kind, 'in'], refuse);
  const id = record[kind];
  if (typeof id !== 'string' || id === '') refuse(kind, `Choose a ${kind}.`);
  else if (!Object.hasOwn(known, id)) refuse(kind, `This ${kind} does not exist any more. Choose another ${kind}.`);
  if (typeof record['in'] !== 'boolean') refuse('in', `Expected true (in the ${kind}) or false (not in it).`);
}

function checkEvent(record: Record<string, unknown>, context: RuleContext, refuse: Refuse): void {
  onlyKnown(record, ['event', 'name', 'operator', 'times', 'window', 'campaign', 'journey', 'step', 'machine'], refuse);
  const { event, name, operator, times, window, campaign, journey, step, machine } = record;
  if (!eventNames.includes(event as never)) return refuse('event', `Expected one of ${eventNames.join(', ')}.`);
  if (!eventOperators.includes(operator as never)) return refuse('operator', `Expected one of ${eventOperators.join(', ')}.`);
  if (event === 'custom') {
    if (typeof name !== 'string' || name === '') refuse('name', 'Choose a custom event.');
    else if (!Object.hasOwn(context.customEvents, name)) refuse('name', `No custom event ${shown(name)} has arrived yet.`);
    if (campaign !== undefined || journey !== undefined) refuse(campaign === undefined ? 'journey' : 'campaign', 'Custom events belong to no mail; leave this out.');
  } else if (name !== undefined) refuse('name', 'Only custom events have a name; leave this out.');
  if (operator === 'has_done_at_least') {
    if (!Number.isInteger(times) || (times as number) < 1 || (times as number) > 1_000_000) refuse('times', 'Expected a whole number from 1 to 1,000,000.');
    for (const field of ['window', 'campaign', 'journey', 'step']) if (record[field] !== undefined) refuse(field, '“At least N times” counts all mail of all time; leave this out.');
    return;
  }
  if (times !== undefined) refuse('times', 'Only “has done at least” takes a number of times.');
  const problem = window === undefined ? null : windowProblem(window);
  if (problem !== null) refuse('window', problem);
  if (campaign !== undefined && journey !== undefined) refuse('journey', 'Choose a campaign or a journey, not both.');
  else if (campaign !== undefined && sourceKind(campaign, context) !== 'campaign') refuse('campaign', 'This campaign does not exist any more. Choose another campaign.');
  else if (journey !== undefined && sourceKind(journey, context) !== 'journey') refuse('journey', 'This journey does not exist any more. Choose another journey.');
  if (step !== undefined && (journey === undefined || typeof step !== 'string')) refuse('step', 'A step belongs to a journey; choose the journey first.');
  else if (step !== undefined && sourceKind(journey, context) === 'journey' && !context.sources[journey as string]!.mails.some((mail) => mail.step === step)) refuse('step', 'This step does not exist any more in the journey. Choose another step.');
  if (machine !== undefined && (typeof machine !== 'boolean' || (event !== 'opened' && event !== 'clicked'))) refuse('machine', 'Expected true or false, for opened and clicked only.');
}

function sourceKind(id: unknown, context: RuleContext): 'campaign' | 'journey' | null {
  return typeof id === 'string' && Object.hasOwn(context.sources, id) ? context.sources[id]!.kind : null;
}

function checkAttribute(record: Record<string, unknown>, context: RuleContext, refuse: Refuse): void {
  onlyKnown(record, ['field', 'operator', 'value'], refuse);
  if (typeof record['field'] !== 'string') return refuse('field', 'Choose a field.');
  if (!isOperator(record['operator'])) return refuse('operator', `Unknown operator ${shown(record['operator'])}.`);
  const target = findField(record['field'], context.catalogue);
  if (target === null) {
    const meant = nearestField(record['field'], context.catalogue);
    return refuse('field', `There is no field ${shown(record['field'])}.${meant === null ? '' : ` Did you mean ${meant}?`}`);
  }
  const row: OperatorRow = operators[record['operator']];
  const operand = readOperand(target.type, record['operator'], record['value'], context);
  if ('problem' in operand) refuse(row.types.includes(target.type) ? 'value' : 'operator', operand.problem);
}

/** Segments in segments: no circle, and together no larger and deeper than one rule may be. */
function checkSegments(rule: Rule, context: RuleContext, path: string, self: string | undefined): FieldError[] {
  const sizes = new Map<string, { conditions: number; depth: number }>();
  const onTheWay: string[] = self === undefined ? [] : [self];
  const nameOf = (id: string) => `“${id === self ? 'this segment' : context.segments[id]?.name ?? 'deleted segment'}”`;

  const measure = (of: Rule): { conditions: number; depth: number } | string => {
    let conditions = 0;
    let depth = depthOf(of);
    const own = depth;
    for (const condition of conditionsOf(of)) {
      conditions++;
      if (!isSegmentCondition(condition)) continue;
      const id = condition.segment;
      if (onTheWay.includes(id)) return `Segments would go round in a circle: ${[...onTheWay.slice(onTheWay.indexOf(id)), id].map(nameOf).join(' asks for ')}.`;
      let size = sizes.get(id);
      const inner = Object.hasOwn(context.segments, id) ? context.segments[id] : undefined;
      if (size === undefined && inner !== undefined) {
        onTheWay.push(id);
        const measured = measure(inner.rule);
        onTheWay.pop();
        if (typeof measured === 'string') return measured;
        sizes.set(id, (size = measured));
      }
      conditions += size?.conditions ?? 0;
      depth = Math.max(depth, own + (size?.depth ?? 0));
    }
    return { conditions, depth };
  };

  const size = measure(rule);
  if (typeof size === 'string') return [{ field: path, message: size }];
  if (size.conditions > MAX_CONDITIONS) return [{ field: path, message: `With the segments it asks for, this rule has ${size.conditions.toLocaleString('en-US')} conditions; ${MAX_CONDITIONS.toLocaleString('en-US')} are possible.` }];
  if (size.depth > MAX_DEPTH) return [{ field: path, message: `With the segments it asks for, this rule is nested ${size.depth} levels deep; ${MAX_DEPTH} are possible.` }];
  return [];
}

function depthOf(rule: Rule): number {
  let deepest = 0;
  const todo: { node: Node; depth: number }[] = [{ node: rule, depth: 1 }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (!('op' in next.node)) continue;
    deepest = Math.max(deepest, next.depth);
    for (const part of next.node.parts) todo.push({ node: part, depth: next.depth + 1 });
  }
  return deepest;
}

/** @returns the name meant, most likely: the one with the fewest edits, if at most a third of it differs; else null */
export function nearestField(name: string, catalogue: readonly CustomField[]): string | null {
  const wanted = name.replace(/^custom\./, '').toLowerCase().slice(0, 64);
  let best: { name: string; edits: number } | null = null;
  for (const known of [...Object.keys(standardFields), ...Object.keys(systemFields), ...catalogue.map((field) => `custom.${field.key}`)]) {
    const edits = distance(wanted, known.replace(/^custom\./, '').toLowerCase());
    if (edits <= Math.max(1, Math.floor(wanted.length / 3)) && (best === null || edits < best.edits)) best = { name: known, edits };
  }
  return best?.name ?? null;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
