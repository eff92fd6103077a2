import { defineKind, go } from './node.ts';

export const addToList = defineKind<{ readonly list: string }>({
  kind: 'add-to-list', label: 'Add to List', group: 'action', activity: 'update', reads: [],
  summary: 'Puts the person on a list. This may start other journeys.',
  form: [{ name: 'list', label: 'List', type: 'list', required: true }],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: ({ list }) => go('next', { list }, { kind: 'list', listId: list, in: true }),
  describe: ({ list }, names) => (list === undefined ? 'No list chosen' : names.list(list) ?? 'Deleted list'),
});
