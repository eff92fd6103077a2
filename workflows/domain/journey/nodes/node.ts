import type { CustomerDocument } from '../../customer/document.ts';
import type { Rule, RuleContext } from '../../segment/ast.ts';
import type { Value } from '../../content/values.ts';
import type { Graph, GraphNode, NodeKindName } from '../graph.ts';
import { readConfig, type Field } from '../../shared/forms.ts';
import type { World } from '../world.ts';

/** The contract of a kind of step. Adding one is adding a file beside this one and a line in `index.ts`. */

/** Activities that act on steps; entry and exit have none. */
export type NodeActivity = 'send' | 'wait' | 'condition' | 'update' | 'webhook';

export interface Port {
  readonly id: string;
  readonly label: string;
}

/** What a kind needs to know of a customer; only that is read from the tables. `document`: all a segment can ask. */
export type Part = 'fields' | 'document' | 'sends' | 'event';

/** An event as journeys see it. */
export interface JourneyEvent {
  readonly id: number;
  /** One of `eventNames`. */
  readonly type: string;
  /** Of a custom event. */
  readonly name: string | null;
  readonly mailNo: number | null;
  /** Epoch ms. */
  readonly at: number;
  readonly machine: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The last mail a send step sent her in this run. */
export interface StepMail {
  readonly node: string;
  readonly sentAt: number;
  /** By people, epoch ms, or null. */
  readonly openedAt: number | null;
  readonly clickedAt: number | null;
}

/** One customer who stands on a step. Parts that the kind does not read are absent. */
export interface Member {
  readonly enrollmentId: number;
  readonly customerId: number;
  readonly visit: number;
  /** Epoch ms. */
  readonly arrivedAt: number;
  readonly wokenBy: JourneyEvent | null;
  readonly timezone: string | null;
  /** By path of the merge language: standard fields, `custom.<key>` by its type. */
  readonly fields?: Readonly<Record<string, Value>>;
  readonly document?: CustomerDocument;
  readonly sends?: readonly StepMail[];
  /** The event that brought her in. */
  readonly event?: JourneyEvent | null;
}

/** What a decision may depend on beside the member: nothing else, so that asking twice is harmless. */
export interface Surroundings {
  readonly journeyId: string;
  readonly journeyName: string;
  readonly graph: Graph;
  readonly node: GraphNode;
  /** Epoch ms. */
  readonly now: number;
  /** The organization's. */
  readonly zone: string;
  /** Of kinds that read `document`: for `evaluate`, at `now`. */
  readonly rules: RuleContext | null;
}

/** What becomes of a member. `because`: for her path, in plain JSON of a few values. */
export type Step =
  | { readonly kind: 'go'; readonly port: string; readonly because?: Readonly<Record<string, unknown>>; readonly change?: Change }
  | { readonly kind: 'rest'; readonly until: number; readonly wake?: string }
  /** The activity acts outside (mail, webhook) and says itself by which port she leaves. */
  | { readonly kind: 'act' };

export function go(port: string, because?: Readonly<Record<string, unknown>>, change?: Change): Step {
  return { kind: 'go', port, ...(because === undefined ? {} : { because }), ...(change === undefined ? {} : { change }) };
}

export function rest(until: number, wake?: string): Step {
  return { kind: 'rest', until, ...(wake === undefined ? {} : { wake }) };
}

/** What a step writes of her, in the transaction that moves her. */
export type Change =
  | { readonly kind: 'field'; readonly field: string; readonly mode: 'set' | 'add' | 'subtract' | 'clear'; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly listId: string; readonly in: boolean };

export interface NodeProblem extends ConfigProblem {
  readonly node: string;
}

export interface ConfigProblem {
  /** Path in its config, or null when it is about the step as a whole. */
  readonly field: string | null;
  /** One sentence: what is wrong and what to do. */
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

export interface NodeKind<Config = Readonly<Record<string, unknown>>> {
  readonly kind: NodeKindName;
  /** As the palette calls it. */
  readonly label: string;
  readonly group: 'entry' | 'action' | 'condition' | 'delay';
  /** One line for the palette. */
  readonly summary: string;
  readonly activity: NodeActivity | null;
  /** Of a split they depend on its branches. */
  ports(config: Config): readonly Port[];
  /** Fields of the side panel, in order: the panel, validation and the documentation are made from it. */
  readonly form: readonly Field[];
  readonly reads: readonly Part[];
  /** Segments and rules it asks, so that their context can be read. */
  rules?(config: Config): readonly Rule[];
  /** Problems beyond the form, asked only when the form itself is filled in rightly. */
  check?(config: Config, world: World): readonly ConfigProblem[];
  /** Whether an event that arrived for a resting member ends her wait. */
  matches?(config: Config, event: JourneyEvent, mails: MailFilter): boolean;
  /** Asked on arrival and whenever she is due or woken. */
  step(config: Config, member: Member, around: Surroundings): Step;
  /** A few words of what the step does, for the canvas: `3 days`, `score + 10`. */
  describe(config: Config, names: Names): string;
}

/** Whether a mail number is of a campaign, of a journey, or of one of its steps. */
export interface MailFilter {
  isOf(mailNo: number | null, filter: { readonly campaign?: string | undefined; readonly journey?: string | undefined; readonly step?: string | undefined }): boolean;
}

/** Names of things a config refers to, by id; null when they are gone. */
export interface Names {
  list(id: string): string | null;
  segment(id: string): string | null;
  campaign(id: string): string | null;
  journey(id: string): string | null;
  connection(id: string): string | null;
  step(id: string): string | null;
}

/** A kind as the registry holds it: whoever asks passes a config as it is stored, the kind sees it with its defaults. */
export function defineKind<Config>(kind: NodeKind<Config>): NodeKind {
  const read = (config: Readonly<Record<string, unknown>>) => readConfig(kind.form, config) as Config;
  const { rules, check, matches, ...rest } = kind;
  return {
    ...rest,
    ports: (config) => kind.ports(read(config)),
    step: (config, member, around) => kind.step(read(config), member, around),
    describe: (config, names) => kind.describe(read(config), names),
    ...(rules === undefined ? {} : { rules: (config) => rules(read(config)) }),
    ...(check === undefined ? {} : { check: (config, world) => check(read(config), world) }),
    ...(matches === undefined ? {} : { matches: (config, event, mails) => matches(read(config), event, mails) }),
  } satisfies NodeKind;
}
