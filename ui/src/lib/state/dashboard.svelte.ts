import { get } from '$lib/api/client.ts';
import type { Dashboard } from '$lib/api/types.ts';
import { Resource } from './resource.svelte.ts';

export const steps = ['uploaded', 'looked', 'written', 'tested', 'launched', 'arrived'] as const;
export type Step = (typeof steps)[number];

/** How many days the first screen may look back. */
export const periods = ['7', '30', '90'] as const;
export type Period = (typeof periods)[number];

/** Looking at customers leaves no trace on the server; this browser remembers it. */
const lookedKey = 'fermata-looked';
export const markLooked = () => localStorage.setItem(lookedKey, '1');

export class DashboardState extends Resource<Dashboard> {
  period = $state<Period>('30');

  constructor() {
    super(() => get('/dashboard', { query: { days: this.period } }));
  }

  checklist = $derived.by((): Record<Step, boolean> => {
    const server = this.value?.checklist;
    const done = (step: Step) => Boolean(server?.[step]) || (step === 'looked' && localStorage.getItem(lookedKey) === '1');
    return Object.fromEntries(steps.map((step) => [step, done(step)])) as Record<Step, boolean>;
  });

  isNew = $derived(!(this.checklist.launched && this.checklist.arrived));
}
