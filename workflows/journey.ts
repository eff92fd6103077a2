import { condition, continueAsNew, defineQuery, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import { begin, isDone, isIdle, musterToken, newBoard, nextDue, place, ready, resume, settle, tokensOf, wake, type Board, type Token } from '#domain/journey/board.ts';
import type { JourneyActivities } from '../activities/journeys/index.ts';
import { messages, type JourneyInput } from './contracts.ts';
import { policies } from './policies.ts';

const here = proxyActivities<JourneyActivities>(policies.node);
const sending = proxyActivities<JourneyActivities>(policies.nodeSend);
const visits = { muster: here.stepMuster, wait: here.stepWait, condition: here.stepCondition, update: here.stepUpdate, webhook: here.stepWebhook, send: sending.stepSend } as const satisfies Record<Token['activity'], unknown>;

/** Somebody on these steps was woken, moved there, or is due. */
export const wakeSignal = defineSignal<[readonly string[]]>(messages.wake);
/** The journey runs again. */
export const resumeSignal = defineSignal(messages.resume);
export const boardQuery = defineQuery<Board>(messages.board);

/** 3,300 events at most; the server suggests a new run at 4,096. */
const VISITS_PER_RUN = 300;

/**
 * Takes one cohort, 1 to 1,000 customers who entered in the same moment, through one version of a journey. It holds tokens,
 * not people: at which steps someone stands and when she is asked next. All else stands in rows, so a run that is lost
 * begins anew with a muster. Events = 5 + 6 × visits + 5 × timers, whatever the size of the cohort.
 */
export async function journeyWorkflow(cohort: JourneyInput): Promise<void> {
  const board = newBoard();
  let failure: unknown;
  setHandler(wakeSignal, (nodes) => wake(board, nodes, Date.now()));
  setHandler(resumeSignal, () => resume(board));
  setHandler(boardQuery, () => board);
  for (const token of cohort.tokens ?? [musterToken]) place(board, token);

  const { orgId, journeyId, versionNo, cohortId } = cohort;
  const visit = async (token: Token) => {
    begin(board, token);
    const seen = await visits[token.activity].executeWithOptions({ summary: token.title }, [{ orgId, journeyId, versionNo, cohortId, node: token.node }]);
    settle(board, token, seen, Date.now());
  };
  while (!isDone(board)) {
    const isFull = board.visits >= VISITS_PER_RUN || workflowInfo().continueAsNewSuggested;
    if (isFull && isIdle(board)) return continueAsNew<typeof journeyWorkflow>({ orgId, journeyId, versionNo, cohortId, tokens: tokensOf(board) });
    if (!isFull) for (const token of ready(board, Date.now())) visit(token).catch((error: unknown) => (failure ??= error));
    const due = isFull ? null : nextDue(board);
    // A visit that ends with another due time than the one slept for must wake it, or the cohort sleeps for ever.
    const isChanged = () => failure !== undefined || isDone(board) || (isFull ? isIdle(board) : nextDue(board) !== due);
    await (due === null ? condition(isChanged) : condition(isChanged, Math.max(1, due - Date.now())));
    if (failure !== undefined) throw failure;
  }
}
