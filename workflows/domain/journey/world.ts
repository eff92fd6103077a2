import type { CustomField } from '../customer/fields.ts';
import type { GraphNode } from './graph.ts';
import type { ConfigProblem } from './nodes/node.ts';

/** What there is around a journey: whatever its steps may refer to. */
export interface World {
  /** Whether the thing exists and can be used. */
  has(kind: 'list' | 'segment' | 'campaign' | 'journey' | 'connection', id: string): boolean;
  /** Whether a published version of a journey has this send step. */
  hasStep(journey: string, step: string): boolean;
  readonly catalogue: readonly CustomField[];
  /** The organization's. */
  readonly zone: string;
  /** Epoch ms. */
  readonly now: number;
  /** What is wrong with what a send step says: found by the caller, who has the mail compiler. Fields as its form names them. */
  mailProblems(node: GraphNode): readonly ConfigProblem[];
}
