import { allows, type Role } from '../access.ts';

export const journeyStates = ['draft', 'published', 'paused', 'archived'] as const;
export type JourneyState = (typeof journeyStates)[number];
export type JourneyMove = 'publish' | 'pause' | 'resume' | 'archive' | 'unarchive';

/** The lifecycle. The guards of the API, buttons and the tests read this table. A version published while the journey is paused waits for Resume like the others. */
export const journeyMoves = {
  draft: { publish: 'published' },
  published: { publish: 'published', pause: 'paused', archive: 'archived' },
  paused: { publish: 'paused', resume: 'published', archive: 'archived' },
  archived: { unarchive: 'draft' },
} as const satisfies Record<JourneyState, Partial<Record<JourneyMove, JourneyState>>>;

/** The state a move leads to, or undefined where it is not allowed. */
export function afterMove(state: JourneyState, move: JourneyMove): JourneyState | undefined {
  return (journeyMoves[state] as Partial<Record<JourneyMove, JourneyState>>)[move];
}

const wishes: Record<JourneyMove, string> = { publish: 'be published', pause: 'be paused', resume: 'be resumed', archive: 'be archived', unarchive: 'be unarchived' };

/** The sentence that refuses a move, fit for the screen. */
export function refuseMove(state: JourneyState, move: JourneyMove): string {
  return `A journey that is ${state === 'draft' ? 'a draft' : state} cannot ${wishes[move]}.`;
}

export const journeyActions = ['edit', 'create_draft', 'discard_draft', 'publish', 'pause', 'resume', 'archive', 'unarchive', 'enroll', 'move_people', 'dry_run', 'duplicate', 'delete'] as const;
export type JourneyAction = (typeof journeyActions)[number];

/** What is asked of a journey to know what may be done with it. */
export interface JourneyStanding {
  readonly state: JourneyState;
  readonly hasDraft: boolean;
  /** It has a live version. */
  readonly isLive: boolean;
  /** It was published at least once. */
  readonly wasPublished: boolean;
}

/** What this role may do now with a journey: the buttons of the screen and the guards of the API. */
export function allowedJourneyActions({ state, hasDraft, isLive, wasPublished }: JourneyStanding, role: Role): JourneyAction[] {
  const edits = allows(role, 'journeys.edit');
  const publishes = allows(role, 'journeys.publish');
  const may = (move: JourneyMove) => publishes && afterMove(state, move) !== undefined;
  const can: Record<JourneyAction, boolean> = {
    edit: edits && hasDraft && state !== 'archived',
    create_draft: edits && !hasDraft && state !== 'archived',
    // What was never published is its draft.
    discard_draft: edits && hasDraft && isLive && state !== 'archived',
    publish: hasDraft && may('publish'),
    pause: may('pause'),
    resume: may('resume'),
    archive: may('archive'),
    unarchive: may('unarchive'),
    enroll: publishes && state === 'published',
    move_people: publishes && (state === 'published' || state === 'paused'),
    dry_run: edits && (hasDraft || isLive) && state !== 'archived',
    duplicate: edits,
    delete: allows(role, 'journeys.delete') && (!wasPublished || state === 'archived'),
  };
  return journeyActions.filter((action) => can[action]);
}
