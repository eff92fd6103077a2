import { standardFields, type CustomField, type FieldType } from '../../customer/fields.ts';
import { parseBoolean, parseNumber } from '../../customer/fields.ts';
import { parseDate } from '../../segment/windows.ts';
import { isTimeZone } from '../../shared/time.ts';
import { checkTemplate, renderText, templateFields } from '../template.ts';
import { defineKind, go, type Change, type ConfigProblem, type Member, type Surroundings } from './node.ts';

type UpdateFieldConfig = { readonly field: string } & (
  | { readonly mode: 'set'; readonly value: string | number | boolean }
  | { readonly mode: 'add' | 'subtract'; readonly amount: number }
  | { readonly mode: 'template'; readonly template: string }
  | { readonly mode: 'now' | 'clear' }
);

export const updateField = defineKind<UpdateFieldConfig>({
  kind: 'update-field', label: 'Update Contact Field', group: 'action', activity: 'update', reads: ['fields', 'event'],
  summary: 'Writes a field of the person: a value, a sum, a template, the time, or nothing.',
  form: [
    { name: 'field', label: 'Field', type: 'customer-field', writable: true, required: true },
    {
      name: 'mode', label: 'Mode', type: 'choice', default: 'set',
      options: [
        { value: 'set', label: 'Set' }, { value: 'add', label: 'Add' }, { value: 'subtract', label: 'Subtract' },
        { value: 'template', label: 'Template' }, { value: 'now', label: 'Now' }, { value: 'clear', label: 'Clear' },
      ],
    },
    { name: 'value', label: 'Value', type: 'customer-value', of: 'field', required: true, when: { field: 'mode', is: ['set'] } },
    { name: 'amount', label: 'Amount', type: 'number', min: -1e15, max: 1e15, required: true, when: { field: 'mode', is: ['add', 'subtract'] }, help: 'A missing number counts as 0.' },
    { name: 'template', label: 'Template', type: 'long-text', max: 10_000, mergeTags: true, required: true, when: { field: 'mode', is: ['template'] } },
  ],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: (config, member, around) => {
    const change = changeOf(config, member, around);
    return go('next', change.mode === 'clear' ? { field: change.field, mode: 'clear' } : { field: change.field, mode: change.mode, value: change.value }, change);
  },
  check: (config, { catalogue }) => {
    const type = typeOf(config.field, catalogue);
    if (type === null) return [];
    if (config.mode === 'set') return valueProblems(config.field, type, config.value);
    if (config.mode === 'template') return checkTemplate(config.template, 'template', catalogue);
    if ((config.mode === 'add' || config.mode === 'subtract') && type !== 'number') return [{ field: 'mode', message: `${config.field} is a ${type} field; only numbers are added to and subtracted from.`, severity: 'error' }];
    if (config.mode === 'now' && type !== 'date' && type !== 'text') return [{ field: 'mode', message: `${config.field} is a ${type} field and cannot hold a time. Choose a date field.`, severity: 'error' }];
    return [];
  },
  describe: (config) => {
    const field = config.field?.replace(/^custom\./, '');
    if (field === undefined) return 'No field chosen';
    switch (config.mode) {
      case 'add': return `${field} + ${config.amount ?? '…'}`;
      case 'subtract': return `${field} − ${config.amount ?? '…'}`;
      case 'template': return `${field} = ${config.template ?? '…'}`;
      case 'now': return `${field} = now`;
      case 'clear': return `Clear ${field}`;
      case 'set': return `${field} = ${typeof config.value === 'string' ? `“${config.value}”` : String(config.value ?? '…')}`;
    }
  },
});

function changeOf(config: UpdateFieldConfig, member: Member, around: Surroundings): Extract<Change, { kind: 'field' }> {
  const { field, mode } = config;
  switch (mode) {
    case 'set': return { kind: 'field', field, mode, value: config.value };
    case 'add':
    case 'subtract': return { kind: 'field', field, mode, value: config.amount };
    case 'template': return { kind: 'field', field, mode: 'set', value: renderText(config.template, templateFields(member, around)) };
    case 'now': return { kind: 'field', field, mode: 'set', value: new Date(around.now).toISOString() };
    case 'clear': return { kind: 'field', field, mode, value: null };
  }
}

function typeOf(field: string, catalogue: readonly CustomField[]): FieldType | null {
  if (Object.hasOwn(standardFields, field)) return standardFields[field as keyof typeof standardFields].type;
  return catalogue.find(({ key }) => `custom.${key}` === field)?.type ?? null;
}

function valueProblems(field: string, type: FieldType, value: string | number | boolean): ConfigProblem[] {
  const text = String(value);
  const expected = type === 'number' ? (parseNumber(text) === null ? 'a number of at most 15 digits' : null)
    : type === 'boolean' ? (parseBoolean(text) === null ? 'true or false' : null)
    : type === 'date' ? (parseDate(text.trim(), 'UTC') === null ? 'a date like 2026-01-31' : null)
    : field === 'timezone' && !isTimeZone(text) ? 'a time zone like Europe/Berlin' : null;
  return expected === null ? [] : [{ field: 'value', message: `${field} expects ${expected}.`, severity: 'error' }];
}
