import { seededRandom } from '../../shared/random.ts';
import { defineKind, go } from './node.ts';

export const holdout = defineKind<{ readonly percent: number }>({
  kind: 'holdout', label: 'Holdout', group: 'condition', activity: 'condition', reads: [],
  summary: 'Keeps some people back, to see what the journey does to the others. Who is kept back is so everywhere in the journey.',
  form: [{ name: 'percent', label: 'Held out, %', type: 'number', min: 1, max: 50, integer: true, required: true, default: 10 }],
  ports: () => [{ id: 'continue', label: 'Continue' }, { id: 'held_out', label: 'Held out' }],
  step: ({ percent }, { customerId }, { journeyId }) => go(seededRandom('holdout', journeyId, customerId)() * 100 < percent ? 'held_out' : 'continue', { share: `${percent} %` }),
  describe: ({ percent }) => `${percent} % held out`,
});
