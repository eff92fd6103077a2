import type { CustomerDocument } from '../../customer/document.ts';
import type { RuleContext } from '../../segment/ast.ts';
import { go, type Member, type Port, type Step, type Surroundings } from './node.ts';

/** What the conditions share: they decide at arrival and leave by Yes or No. */

const ports: readonly Port[] = [{ id: 'yes', label: 'Yes' }, { id: 'no', label: 'No' }];

export const yesNo = (): readonly Port[] => ports;

export function decide(holds: boolean, because: Readonly<Record<string, unknown>>): Step {
  return go(holds ? 'yes' : 'no', because);
}

/** What a kind that reads `document` is given. */
export function askedOf({ document }: Member, { rules, now }: Surroundings): { readonly document: CustomerDocument; readonly rules: RuleContext } {
  if (document === undefined || rules === null) throw new Error('A step that reads the document was asked without it.');
  return { document, rules: { ...rules, now } };
}
