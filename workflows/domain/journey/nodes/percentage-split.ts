import { seededRandom } from '../../shared/random.ts';
import { defineKind, go } from './node.ts';

interface Branch {
  readonly label: string;
  readonly percent: number;
}

const MAX_BRANCHES = 10;

export const percentageSplit = defineKind<{ readonly branches: readonly Branch[] }>({
  kind: 'percentage-split', label: 'Percentage Split', group: 'condition', activity: 'condition', reads: [],
  summary: 'Shares people out at random. The same person always takes the same branch.',
  form: [{ name: 'branches', label: 'Branches', type: 'shares', min: 2, max: MAX_BRANCHES, required: true, default: [{ label: '', percent: 50 }, { label: '', percent: 50 }] }],
  ports: ({ branches }) => branches.slice(0, MAX_BRANCHES).map(({ label }, i) => ({ id: letter(i).toLowerCase(), label: label.trim() === '' ? letter(i) : label.trim() })),
  step: ({ branches }, { customerId }, { journeyId, node }) => {
    const drawn = seededRandom('split', journeyId, node.id, customerId)() * 100;
    let upTo = 0;
    const i = branches.findIndex(({ percent }) => drawn < (upTo += percent));
    const taken = i === -1 ? branches.length - 1 : i;
    return go(letter(taken).toLowerCase(), { share: `${branches[taken]!.percent} %` });
  },
  describe: ({ branches }) => branches.map(({ percent }) => percent).join(' / '),
});

function letter(i: number): string {
  return String.fromCharCode(65 + i);
}
