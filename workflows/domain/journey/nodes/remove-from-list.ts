import { defineKind, go } from './node.ts';

export const removeFromList = defineKind<{ readonly list: string }>({
  kind: 'remove-from-list', label: 'Remove from List', group: 'action', activity: 'update', reads: [],
  summary: 'Takes the person off a list.',
  form: [{ name: 'list', label: 'List', type: 'list', required: true }],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: ({ list }) => go('next', { list }, { kind: 'list', listId: list, in: false }),
  describe: ({ list }, names) => (list === undefined ? 'No list chosen' : names.list(list) ?? 'Deleted list'),
});
