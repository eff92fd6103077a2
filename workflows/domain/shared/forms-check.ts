import { parseEmailAddress } from '../customer/email-address.ts';
import { triggerEvents } from '../journey/entry.ts';
import { MAX_FILTERS, propertyOperators, type PropertyFilter, type PropertyOperator } from '../journey/filters.ts';
import { eventNames } from '../segment/events.ts';
import { windowProblem } from '../segment/windows.ts';
import type { FieldError } from './errors.ts';
import { durationMs, isAsked, unitMs, type Duration, type Field } from './forms.ts';
import { EVENT_NAME, shapeProblem } from './forms-shapes.ts';

/**
 * Everything wrong with a config by itself, each with the path of its field: what is missing, what cannot be read, what is
 * out of bounds, what the form does not know. Fields that are not asked now are not looked at.
 */
export function validateConfig(form: readonly Field[], config: Readonly<Record<string, unknown>>): FieldError[] {
  const problems: FieldError[] = [];
  for (const key of Object.keys(config)) if (!form.some((field) => field.name === key)) problems.push({ field: key, message: 'There is no setting of this name.' });
  for (const field of form) {
    if (!isAsked(field, form, config)) continue;
    const value = (Object.hasOwn(config, field.name) ? config[field.name] : undefined) ?? field.default;
    if (isMissing(value)) {
      if (field.required === true) problems.push({ field: field.name, message: wanted(field) });
      continue;
    }
    const expected = shapeProblem(field, value);
    if (expected !== null) problems.push({ field: field.name, message: `${field.label}: expected ${expected}.` });
    else problems.push(...boundProblems(field, value).map(([path, message]) => ({ field: `${field.name}${path}`, message })));
  }
  return problems;
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

const choices: Partial<Record<Field['type'], string>> = {
  list: 'Choose a list.', segment: 'Choose a segment.', campaign: 'Choose a campaign.', journey: 'Choose a journey.', connection: 'Choose a connection.',
  'send-step': 'Choose an email.', 'customer-field': 'Choose a field.', event: 'Choose an event.', trigger: 'Choose how people enter.', comparison: 'Choose a condition.',
  email: 'Give an address like news@example.com.', url: 'Give an address like https://example.com/hook.',
};

function wanted(field: Field): string {
  return choices[field.type] ?? `Fill in “${field.label}”.`;
}

type Found = readonly [path: string, message: string];

function boundProblems(field: Field, value: unknown): Found[] {
  switch (field.type) {
    case 'text':
    case 'long-text':
    case 'html': return (value as string).length > field.max ? [['', `${field.label} has ${(value as string).length.toLocaleString('en-US')} characters; at most ${field.max.toLocaleString('en-US')} are possible.`]] : [];
    case 'secret': return (value as string).length > 2_000 ? [['', `${field.label} is longer than 2,000 characters.`]] : [];
    case 'email': {
      const parsed = parseEmailAddress(value as string);
      return 'problem' in parsed ? [['', parsed.problem]] : [];
    }
    case 'url': return urlProblems(value as string);
    case 'number': return numberProblems(field, value as number);
    case 'duration': return durationProblems(field, value as Duration);
    case 'weekdays': return (value as unknown[]).length === 0 ? [['', 'Choose at least one day.']] : [];
    case 'window': {
      const problem = windowProblem(value);
      return problem === null ? [] : [['', problem]];
    }
    case 'utm': return utmProblems(value as Record<string, string>);
    case 'pairs': return pairProblems(field, value as { key: string; value: string }[]);
    case 'shares': return shareProblems(field, value as { label: string; percent: number }[]);
    case 'property-filters': return filterProblems(value as PropertyFilter[], '');
    case 'event': return (value as { type: string; name?: string }).type === 'custom' ? nameProblems((value as { name?: string }).name, '.name') : [];
    case 'trigger':
    case 'goal': return [...unchosen(value as GoalLike), ...goalProblems(field.type, value as GoalLike)];
    case 'exits': return unchosen(value as GoalLike);
    default: return [];
  }
}

function urlProblems(value: string): Found[] {
  if (value.length > 2_000) return [['', 'The address is longer than 2,000 characters.']];
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return [['', 'Expected an address like https://example.com/hook.']];
  const { username, password } = new URL(value);
  return username !== '' || password !== '' ? [['', 'Leave user name and password out of the address; use a header instead.']] : [];
}

function numberProblems({ label, min = -Infinity, max = Infinity, integer = false }: Extract<Field, { type: 'number' }>, value: number): Found[] {
  const isWhole = !integer || Number.isInteger(value);
  if (isWhole && value >= min && value <= max) return [];
  const range = min === -Infinity ? (max === Infinity ? '' : ` up to ${max.toLocaleString('en-US')}`) : max === Infinity ? ` from ${min.toLocaleString('en-US')} on` : ` from ${min.toLocaleString('en-US')} to ${max.toLocaleString('en-US')}`;
  return [['', `${label}: expected a ${integer ? 'whole ' : ''}number${range}.`]];
}

function durationProblems({ label, min, max }: Extract<Field, { type: 'duration' }>, value: Duration): Found[] {
  if (!Number.isInteger(value.amount)) return [['', `${label}: expected a whole number of ${value.unit}.`]];
  const length = durationMs(value);
  if (value.amount >= 0 && length >= min && length <= max) return [];
  return [['', `${label}: expected ${min === 0 ? 'at most' : `${sayMs(min)} to`} ${sayMs(max)}.`]];
}

function sayMs(ms: number): string {
  const unit = (['days', 'hours', 'minutes'] as const).find((each) => ms >= unitMs[each] && ms % unitMs[each] === 0) ?? 'minutes';
  const amount = ms / unitMs[unit];
  return `${amount} ${amount === 1 ? unit.slice(0, -1) : unit}`;
}

const utmNames = ['off', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content'];

function utmProblems(utm: Readonly<Record<string, string>>): Found[] {
  return Object.entries(utm).flatMap(([name, value]): Found[] => {
    if (!utmNames.includes(name)) return [[`.${name}`, `Unknown UTM parameter; there are ${utmNames.slice(1).join(', ')}.`]];
    return value.length > 200 ? [[`.${name}`, 'At most 200 characters.']] : [];
  });
}

function pairProblems({ label, keyLabel, valueLabel, max, isSecret }: Extract<Field, { type: 'pairs' }>, pairs: readonly { readonly key: string; readonly value: string }[]): Found[] {
  if (pairs.length > max) return [['', `${label}: at most ${max} are possible.`]];
  const seen = new Set<string>();
  return pairs.flatMap(({ key, value }, i): Found[] => {
    const name = key.trim().toLowerCase();
    if (name === '') return [[`[${i}].key`, `${keyLabel}: write a name.`]];
    if (seen.has(name)) return [[`[${i}].key`, `${keyLabel} ${key} is there twice.`]];
    seen.add(name);
    // Of a renamed one nobody knows the value any more.
    if (isSecret === true && value === '') return [[`[${i}].value`, `${valueLabel} of ${key}: type it.`]];
    return value.length > 2_000 ? [[`[${i}].value`, 'At most 2,000 characters.']] : [];
  });
}

function shareProblems({ label, min, max }: Extract<Field, { type: 'shares' }>, shares: readonly { readonly label: string; readonly percent: number }[]): Found[] {
  if (shares.length < min || shares.length > max) return [['', `${label}: expected ${min} to ${max}, got ${shares.length}.`]];
  const wrong = shares.flatMap(({ label: name, percent }, i): Found[] => {
    if (name.length > 50) return [[`[${i}].label`, 'At most 50 characters.']];
    return Number.isInteger(percent) && percent >= 1 && percent <= 99 ? [] : [[`[${i}].percent`, 'Expected a whole number from 1 to 99.']];
  });
  if (wrong.length > 0) return wrong;
  const sum = shares.reduce((total, { percent }) => total + percent, 0);
  return sum === 100 ? [] : [['', `The shares add up to ${sum} %; they have to be 100 % together.`]];
}

function filterProblems(filters: readonly PropertyFilter[], path: string): Found[] {
  if (filters.length > MAX_FILTERS) return [[path, `At most ${MAX_FILTERS} filters.`]];
  return filters.flatMap(({ property, operator, value }, i): Found[] => {
    const at = `${path}[${i}]`;
    if (property.trim() === '' || property.length > 200) return [[`${at}.property`, 'Name a property of the event, of at most 200 characters.']];
    if (!Object.hasOwn(propertyOperators, operator)) return [[`${at}.operator`, `Expected one of ${Object.keys(propertyOperators).join(', ')}.`]];
    const { takes } = propertyOperators[operator as PropertyOperator];
    if (takes === 'none') return [];
    if (isMissing(value)) return [[`${at}.value`, 'Write a value, or use “is set”.']];
    if (typeof value === 'string' && value.length > 1_000) return [[`${at}.value`, 'At most 1,000 characters.']];
    return takes === 'number' && !Number.isFinite(Number(value)) ? [[`${at}.value`, 'Expected a number.']] : [];
  });
}

interface GoalLike {
  readonly kind?: string; readonly list?: string; readonly event?: string; readonly campaign?: string; readonly journey?: string; readonly step?: string;
  readonly name?: string; readonly filters?: readonly PropertyFilter[]; readonly segment?: string;
}

/** What may be left out is either chosen or not there. */
function unchosen(goal: GoalLike): Found[] {
  return (['campaign', 'journey', 'step'] as const).filter((name) => goal[name] === '').map((name): Found => [`.${name}`, `Choose ${name === 'step' ? 'an email' : `a ${name}`}, or leave it out.`])
    .concat(goal.kind === undefined && goal.segment === '' ? [['.segment', 'Choose a segment, or leave it out.']] : []);
}

function goalProblems(of: 'trigger' | 'goal', goal: GoalLike): Found[] {
  switch (goal.kind) {
    case 'list': return isMissing(goal.list) ? [['.list', 'Choose a list.']] : [];
    case 'segment': return isMissing(goal.segment) ? [['.segment', 'Choose a segment.']] : [];
    case 'custom': return [...nameProblems(goal.name, '.name'), ...filterProblems(goal.filters ?? [], '.filters')];
    case 'event': {
      const events: readonly string[] = of === 'trigger' ? triggerEvents : eventNames.filter((name) => name !== 'custom');
      if (isMissing(goal.event)) return [['.event', 'Choose an event.']];
      if (!events.includes(goal.event!)) return [['.event', `Expected one of ${events.join(', ')}.`]];
      if (!isMissing(goal.campaign) && !isMissing(goal.journey)) return [['.journey', 'Choose a campaign or a journey, not both.']];
      return !isMissing(goal.step) && isMissing(goal.journey) ? [['.step', 'An email belongs to a journey; choose the journey first.']] : [];
    }
    default: return [];
  }
}

function nameProblems(name: string | undefined, path: string): Found[] {
  if (name === undefined || name === '') return [[path, 'Name the event, like order_placed.']];
  if (!EVENT_NAME.test(name)) return [[path, 'A name of an event has 1 to 64 of a-z, 0-9, _, . and -.']];
  return (eventNames as readonly string[]).includes(name) ? [[path, `${name} is the name of a mail event; choose that event itself.`]] : [];
}
