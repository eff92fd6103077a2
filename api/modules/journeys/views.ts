import { z } from 'zod';
import { nodeKindNames } from '#domain/journey/graph.ts';
import { journeyActions, journeyStates } from '#domain/journey/status.ts';

/** Journeys as lists and their own page show them. */

const state = z.enum(journeyStates);

const rowShape = {
  id: z.uuid(), name: z.string(), state,
  /** What brings people in, in words; of the live version, else of the draft. */
  trigger: z.string(), triggerKind: z.enum(['manual', 'list', 'event', 'custom', 'none']),
  active: z.int(), enrolled: z.int(),
  /** Enrollments that reached the goal, and their share of all in percent; null without enrollments. */
  goals: z.int(), goalRate: z.number().nullable(), hasGoal: z.boolean(),
  hasDraft: z.boolean(),
  /** What holds people on a step, in words, and which step. */
  problem: z.string().nullable(), problemStep: z.string().nullable(),
  /** What the role may do with it now. */
  allowed: z.array(z.enum(journeyActions)),
  version: z.int(), createdBy: z.string(), createdAt: z.string(), updatedAt: z.string(), archivedAt: z.string().nullable(),
};
export const JourneyRowView = z.object({ ...rowShape, activeVersion: z.int().nullable() }).meta({ id: 'JourneyRow' });

export const JourneyView = z.object({
  ...rowShape, slug: z.string(),
  /** The live version; null before the first publishing and after it was unarchived. */
  activeVersion: z.object({ no: z.int(), publishedAt: z.string(), publishedBy: z.string(), note: z.string() }).nullable(),
  draft: z.object({ version: z.int(), changedAt: z.string() }).nullable(),
  /** Its runs in Temporal's web UI; null before the first publishing and for roles that do not see it. */
  temporalUrl: z.string().nullable(),
}).meta({ id: 'Journey' });

export const ReadyView = z.object({ data: z.array(z.object({ id: z.string(), name: z.string(), summary: z.string() })) });

export const GraphView = z.object({
  nodes: z.array(z.object({ id: z.string(), kind: z.enum(nodeKindNames), name: z.string(), config: z.record(z.string(), z.unknown()), x: z.number(), y: z.number() }).meta({ id: 'JourneyStep' })),
  edges: z.array(z.object({ from: z.string(), port: z.string(), to: z.string() }).meta({ id: 'JourneyEdge' })),
}).meta({ id: 'JourneyGraph' });

/** Of the lists, segments, campaigns, journeys and connections its steps mention, by id; those that are gone are not in it. */
const names = z.record(z.string(), z.string());

export const ProblemView = z.object({
  /** The step; empty when it is about the journey as a whole. */
  node: z.string(),
  /** Path in the step's config; null when it is about the step as a whole. */
  field: z.string().nullable(),
  message: z.string(), severity: z.enum(['error', 'warning']),
}).meta({ id: 'JourneyProblem' });

export const VersionGraphView = z.object({ no: z.int(), graph: GraphView, names }).meta({ id: 'JourneyVersionGraph' });
export const DraftView = z.object({ version: z.int(), changedAt: z.string(), graph: GraphView, names, problems: z.array(ProblemView) }).meta({ id: 'JourneyDraft' });
export const SavedDraftView = z.object({ version: z.int(), changedAt: z.string(), problems: z.array(ProblemView) }).meta({ id: 'SavedJourneyDraft' });

/** What would become of the people inside: by the step they stand on. */
export const MovingView = z.object({
  /** They stand on a step that exists there, or not. */
  moving: z.int(), staying: z.int(),
  steps: z.array(z.object({ node: z.string(), name: z.string(), people: z.int(), moves: z.boolean() })),
}).meta({ id: 'JourneyMoving' });

export const ValidationView = z.object({
  problems: z.array(ProblemView),
  /** People inside earlier versions, if publishing moved them. */
  people: MovingView,
}).meta({ id: 'JourneyValidation' });

export const VersionView = z.object({
  no: z.int(), isLive: z.boolean(), publishedAt: z.string(), publishedBy: z.string(), note: z.string(), steps: z.int(),
  enrolled: z.int(), active: z.int(), completed: z.int(), exited: z.int(), goals: z.int(), goalRate: z.number().nullable(), hasGoal: z.boolean(),
}).meta({ id: 'JourneyVersion' });
export const VersionsView = z.object({
  /** Newest first. */
  data: z.array(VersionView),
  /** The last move of people to a newer version, which Undo takes back for those who have not left the step they were on. */
  migration: z.object({ jobId: z.string(), from: z.int().nullable(), to: z.int(), moved: z.int(), by: z.string(), at: z.string(), canUndo: z.boolean() }).nullable(),
}).meta({ id: 'JourneyVersions' });

const totals = {
  enrolled: z.int(), active: z.int(), completed: z.int(), exited: z.int(),
  /** Exited by reason. */
  byReason: z.record(z.string(), z.int()),
  goals: z.int(), goalRate: z.number().nullable(),
};
export const AnalyticsView = z.object({
  total: z.object(totals),
  /** By step, of the version asked for or of all; steps nobody came to are not in it. */
  steps: z.record(z.string(), z.object({
    /** People on it now, and those of them who should have gone on a minute ago. */
    waiting: z.int(), overdue: z.int(),
    /** Visits that ended, by port too. */
    processed: z.int(), ports: z.record(z.string(), z.int()),
    /** Who ended here: `completed`, or the reason of an exit. */
    ended: z.record(z.string(), z.int()),
    /** Of send steps. Opened and clicked are people, each once; delivered is null where no connection tells. */
    mail: z.object({
      sent: z.int(), delivered: z.int().nullable(), opened: z.int(), clicked: z.int(), bounced: z.int(), complained: z.int(), unsubscribed: z.int(), skipped: z.int(), failed: z.int(), inDoubt: z.int(),
      openRate: z.number().nullable(), clickRate: z.number().nullable(),
    }).nullable(),
  })),
  /** Versions side by side, newest first. */
  versions: z.array(z.object({ no: z.int(), ...totals })),
}).meta({ id: 'JourneyAnalytics' });

export const RefusalsView = z.object({
  state, trigger: z.string(),
  /** Why nobody, or not everybody, comes in; the most telling first. */
  causes: z.array(z.object({ code: z.enum(['draft', 'archived', 'paused', 'manual', 'list_later', 'list_gone', 'event', 'reentry', 'suppressed']), message: z.string() })),
  /** The last 20 who did not get in although the trigger fired. */
  data: z.array(z.object({ at: z.string(), customerId: z.int().nullable(), email: z.string().nullable(), reason: z.enum(['reentry', 'suppressed']) })),
}).meta({ id: 'JourneyRefusals' });
