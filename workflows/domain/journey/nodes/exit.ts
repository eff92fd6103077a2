import { defineKind, go } from './node.ts';

export const exit = defineKind<{ readonly label: string }>({
  kind: 'exit', label: 'Exit', group: 'action', activity: null, reads: [],
  summary: 'Ends the run here, as completed.',
  form: [{ name: 'label', label: 'Label', type: 'text', max: 100, default: '', help: 'What it means to end here, for reports.' }],
  ports: () => [],
  // Whoever arrives has completed the journey; nobody is asked here.
  step: () => go('end'),
  describe: ({ label }) => (label === '' ? 'Completed' : label),
});
