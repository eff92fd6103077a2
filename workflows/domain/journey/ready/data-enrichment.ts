import { step, ways, type ReadyJourney } from './drawing.ts';

export const dataEnrichment: ReadyJourney = {
  id: 'data-enrichment', name: 'Data enrichment',
  summary: 'Scores every click; whoever reaches 50 points gets a stage, a place on a list, and is told to your own system.',
  graph: {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Clicks a mail', { trigger: { kind: 'event', event: 'clicked' }, reentry: 'after_completion', goal: null, exits: { goal: true } }),
      step([0, 1], 'update-field', 'ten-points', 'Ten points', { field: 'score', mode: 'add', amount: 10 }),
      step([0, 2], 'field-condition', 'fifty', '50 points or more?', { field: 'score', comparison: { operator: 'at_least', value: 50 } }),
      step([-1, 3], 'update-field', 'stage', 'Stage: active', { field: 'custom.lifecycle_stage', mode: 'set', value: 'active' }),
      step([-1, 4], 'update-field', 'last-journey', 'Last journey', { field: 'custom.last_journey', mode: 'template', template: '{{ journey.name }}' }),
      step([-1, 5], 'add-to-list', 'engaged', 'Engaged people', {}),
      step([-1, 6], 'webhook', 'tell', 'Tell our system', {}),
      step([-2, 7], 'exit', 'told', 'Engaged', { label: 'Engaged' }),
      step([0, 7], 'exit', 'not-told', 'Not told', { label: 'Our system did not answer' }),
      step([1, 3], 'exit', 'collecting', 'Collecting points', { label: 'Collecting points' }),
    ],
    edges: ways(
      'entry > ten-points > fifty:yes > stage > last-journey > engaged > tell > told',
      'tell:failed > not-told',
      'fifty:no > collecting',
    ),
  },
};
