import { adviseRule } from '#domain/segment/advise.ts';
import { conditionsOf, findField, type Node, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { describeNode } from '#domain/segment/describe.ts';
import { AppError, type FieldError } from '#domain/shared/errors.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readRuleContext } from '../../../search/context.ts';
import { filledFields } from '../../../search/facts.ts';
import { countRule } from '../../../search/population.ts';

/** Parts of a rule that are counted one by one to find out why nobody matches. */
const MAX_COUNTED = 12;
const MAX_CAUSES = 8;

/**
 * How many people a rule matches, with what a person who builds it should know: conditions that can match nobody,
 * and why nobody is left. Errors as `countRule`.
 */
export async function countWithReasons(tenant: Tenant, rule: unknown): Promise<{ mailable: number; total: number; warnings: FieldError[]; causes: string[] }> {
  const context = await readRuleContext(tenant, rule);
  refuseProblems(checkRule(rule, context));
  const asked = rule as Rule;
  const count = await countRule(tenant, asked);
  // After the count, which waited for the index: a field that was filled a moment ago is not called empty.
  const filled = await filledFields(tenant, asked, context);
  return { ...count, warnings: adviseRule(asked, context, filled), causes: count.mailable > 0 ? [] : await causesOf(tenant, asked, context, count.total) };
}

/** @throws AppError `invalid` with all problems, when there are any */
export function refuseProblems(problems: readonly FieldError[]): void {
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
}

async function causesOf(tenant: Tenant, rule: Rule, context: RuleContext, total: number): Promise<string[]> {
  if (total > 0) return [`${total === 1 ? 'The one person who matches is' : `All ${total.toLocaleString('en-US')} who match are`} suppressed, unsubscribed or bounced.`];
  const { parts, causes } = await emptyParts(tenant, rule, context);
  for (const condition of conditionsOf({ op: 'and', parts })) if ('field' in condition) causes.push(...hints(condition, context));
  return [...new Set(causes)].slice(0, MAX_CAUSES);
}

/** Which of the conditions that must all hold match nobody by themselves, and the sentences that say so. */
async function emptyParts(tenant: Tenant, rule: Rule, context: RuleContext): Promise<{ parts: readonly Node[]; causes: string[] }> {
  if (rule.op === 'or' && rule.parts.length === 0) return { parts: [], causes: ['“Any of” without conditions matches nobody. Add a condition.'] };
  if (rule.op !== 'and' || rule.parts.length < 2) return { parts: rule.parts, causes: [] };
  const counted = await Promise.all(rule.parts.slice(0, MAX_COUNTED).map(async (part) => ({ part, total: (await countRule(tenant, { op: 'and', parts: [part] })).total })));
  const empty = counted.filter(({ total }) => total === 0);
  if (empty.length > 0) return { parts: empty.map(({ part }) => part), causes: empty.map(({ part }) => `By itself, this matches nobody: ${short(describeNode(part, context))}.`) };
  const causes = rule.parts.length > MAX_COUNTED ? [] : ['Each condition matches somebody by itself, but nobody fulfils all of them. Leave one out, or choose “Any of”.'];
  return { parts: [], causes };
}

function hints(condition: Extract<Node, { field: string }>, context: RuleContext): string[] {
  const target = findField(condition.field, context.catalogue);
  if (target === null) return [];
  const key = condition.field.replace(/^custom\./, '');
  const twin = target.at.kind === 'custom' ? context.catalogue.find((field) => field.key !== key && field.key.toLowerCase() === key.toLowerCase()) : undefined;
  return [
    ...(twin === undefined ? [] : [`Two fields differ by case only, ${key} and ${twin.key}. Is the right one asked?`]),
    ...(condition.operator === 'equals' && target.type === 'text' ? ['“Equals” wants the whole text. “Contains” also finds a part of it.'] : []),
  ];
}

const short = (words: string): string => (words.length > 120 ? `${words.slice(0, 120)}…` : words);
