import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { AppError } from '#domain/shared/errors.ts';
import { messages, queues, workflowIds, type BulkInput, type CampaignInput, type ExportInput, type FieldInput, type ImportInput, type JourneyControlInput, type JourneyInput, type ListInput, type OrganizationInput, type OutboxInput, type ScrubInput, type ReconcileInput, type ReindexInput, type ReindexReason, type SignUpInput } from '../../workflows/contracts.ts';

/** The only way the API and the activities reach Temporal. Starting is idempotent by id: `true` says that it began with this call, `false` that it runs already. */
export interface Gateway {
  provision(input: OrganizationInput): Promise<boolean>;
  startCampaign(input: CampaignInput): Promise<boolean>;
  /** Runs an update of a campaign's workflow and waits for its answer. @throws AppError `conflict` with the workflow's reason */
  commandCampaign(input: CampaignInput, command: CampaignCommand): Promise<void>;
  /** Picks the variant for the rest. Errors as `commandCampaign`. */
  pickWinner(input: CampaignInput, variant: number, by: string): Promise<void>;
  /** A limit or throttle was changed: a campaign that waits for one asks again at once. A lost word costs 10 minutes at most. */
  tellLimits(input: CampaignInput): void;
  startImport(input: ImportInput): Promise<boolean>;
  cancelImport(input: ImportInput): Promise<void>;
  /** Has the customer index built again; a build under way hears of the reason and looks again when it is done. */
  startReindex(input: ReindexInput & { readonly reason: ReindexReason }): Promise<void>;
  /** Compares the customer index with the tables and mends it. */
  startReconcile(input: ReconcileInput): Promise<boolean>;
  /** The same, and waits for what was found. */
  reconcile(input: ReconcileInput): Promise<{ readonly differing: number; readonly repaired: number }>;
  /** Takes the members off a list that was deleted, then the list's record goes. */
  removeList(input: ListInput): Promise<boolean>;
  /** Takes a deleted field's values away, then the field goes. */
  removeField(input: FieldInput): Promise<boolean>;
  startExport(input: ExportInput): Promise<boolean>;
  cancelExport(input: ExportInput): Promise<void>;
  startBulk(input: BulkInput): Promise<boolean>;
  cancelBulk(input: BulkInput): Promise<void>;
  /** Sends the mail with the link of a sign-up, if nobody does. */
  startSignUp(input: SignUpInput): Promise<boolean>;
  /** Has the kept files searched for who was erased, if nobody searches them now. */
  startScrub(input: ScrubInput): Promise<boolean>;
  /** Has the kept files searched for who was erased, again if somebody does; a lost nudge costs delay only. */
  nudgeScrub(orgId: string): void;
  /** Takes a new cohort through its version; one that runs or ran goes on from its rows. */
  startCohort(input: JourneyInput): Promise<boolean>;
  /** Somebody standing on these steps was woken, moved there or is due: whether the cohort's run sleeps, ended or was lost, it goes on. */
  wakeCohort(input: JourneyInput, nodes: readonly string[]): Promise<void>;
  /** The journey runs again: a cohort that found it paused goes on. */
  resumeCohort(input: JourneyInput): Promise<void>;
  /** Has the queued jobs of a journey done, if nobody does them. */
  startJourneyControl(input: JourneyControlInput): Promise<boolean>;
  /** The same, and who does them now looks again when done; a lost nudge costs delay only. */
  nudgeJourney(input: JourneyControlInput): void;
  /** Has the segments that end runs or are goals looked through. */
  startJourneySegments(input: OrganizationInput): Promise<boolean>;
  /** Wakes the organization's outbox, at most once a second per organization and process; a lost nudge costs delay only. */
  nudgeOutbox(orgId: string): void;
  /** @throws when Temporal cannot be reached */
  ping(): Promise<void>;
  /** Whether workers ask for work on every queue: one that has not for two minutes is gone. @throws when Temporal cannot be reached */
  isWorked(): Promise<boolean>;
  /** Address of a workflow in Temporal's web UI, for the operators' links. */
  workflowUrl(workflowId: string): string;
  /** Address of the list of all workflows about a thing. */
  workflowsUrl(entityId: string): string;
  close(): Promise<void>;
}

export type CampaignCommand = 'pause' | 'resume' | 'cancel' | 'unschedule';

export interface GatewayOptions {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
  readonly onError: (error: unknown) => void;
}

const NUDGE_INTERVAL_MS = 1_000;
/** 3 s in all: the SDK's own 10 attempts let a person wait for 20 s to read that nobody answers. */
const ATTEMPTS = 6;
/** Workers ask at least once a minute. */
const WORKER_GONE_SECONDS = 120;

export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const connection = Connection.lazy({ address: options.address, interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: ATTEMPTS }))] });
  const client = new Client({ connection, namespace: options.namespace });
  const nudged = new Map<string, NodeJS.Timeout | null>();

  const about = (orgId: string, kind: string, entityId: string) => ({
    searchAttributes: { OrgId: [orgId], Kind: [kind], EntityId: [entityId] },
    priority: { fairnessKey: orgId.slice(0, 60) },
  });

  async function start(type: string, workflowId: string, orgId: string, kind: string, entityId: string, input: unknown): Promise<boolean> {
    try {
      await client.workflow.start(type, {
        workflowId,
        taskQueue: queues.engine,
        args: [input],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        ...about(orgId, kind, entityId),
      });
      return true;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw unavailable(error);
    }
  }

  /** An ended workflow is left as it is. */
  async function cancel(workflowId: string): Promise<void> {
    try {
      await client.workflow.getHandle(workflowId).cancel();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw unavailable(error);
    }
  }

  /** Nudges a workflow that looks for work, started if it does not run. */
  async function wake(type: string, workflowId: string, orgId: string, kind: string, input: unknown): Promise<void> {
    await client.workflow.signalWithStart(type, { workflowId, taskQueue: queues.engine, args: [input], signal: messages.nudge, signalArgs: [], ...about(orgId, kind, orgId) });
  }

  const cohortOf = (input: JourneyInput) => workflowIds.cohort(input.orgId, input.journeyId, input.cohortId);

  /** Signals a cohort, whose run begins anew from its rows where there is none. */
  async function nudgeCohort({ tokens: _tokens, ...input }: JourneyInput, signal: string, signalArgs: readonly unknown[]): Promise<void> {
    try {
      await client.workflow.signalWithStart('journeyWorkflow', { workflowId: cohortOf(input), taskQueue: queues.engine, args: [input], signal, signalArgs: [...signalArgs], ...about(input.orgId, 'journey', input.journeyId) });
    } catch (error) {
      throw unavailable(error);
    }
  }

  async function update(workflowId: string, name: string, args: [] | [object]): Promise<void> {
    try {
      await client.workflow.getHandle(workflowId).executeUpdate(name, { args: args as [object] });
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError) throw new AppError('conflict', error.cause?.message ?? 'The campaign refused this.', [], { cause: error });
      if (error instanceof WorkflowNotFoundError) throw new AppError('conflict', 'This campaign is not running.', [], { cause: error });
      throw unavailable(error);
    }
  }

  const gateway: Gateway = {
    provision: (input) => start('provisionOrganizationWorkflow', workflowIds.organization(input.orgId), input.orgId, 'organization', input.orgId, input),
    startCampaign: (input) => start('campaignWorkflow', workflowIds.campaign(input.orgId, input.campaignId), input.orgId, 'campaign', input.campaignId, input),
    commandCampaign: (input, command) => update(workflowIds.campaign(input.orgId, input.campaignId), messages[command], []),
    pickWinner: (input, variant, by) => update(workflowIds.campaign(input.orgId, input.campaignId), messages.pickWinner, [{ variant, by }]),
    tellLimits(input) {
      client.workflow.getHandle(workflowIds.campaign(input.orgId, input.campaignId)).signal(messages.limits).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) options.onError(error);
      });
    },
    startImport: (input) => start('importWorkflow', workflowIds.import(input.orgId, input.importId), input.orgId, 'import', input.importId, input),
    cancelImport: (input) => cancel(workflowIds.import(input.orgId, input.importId)),
    startExport: (input) => start('exportWorkflow', workflowIds.export(input.orgId, input.exportId), input.orgId, 'export', input.exportId, input),
    cancelExport: (input) => cancel(workflowIds.export(input.orgId, input.exportId)),
    startBulk: (input) => start('bulkWorkflow', workflowIds.bulk(input.orgId, input.bulkId), input.orgId, 'bulk', input.bulkId, input),
    cancelBulk: (input) => cancel(workflowIds.bulk(input.orgId, input.bulkId)),
    startSignUp: (input) => start('signUpWorkflow', workflowIds.signUp(input.orgId, input.signUpNo), input.orgId, 'sign-up', String(input.signUpNo), input),
    startScrub: (input) => start('scrubWorkflow', workflowIds.scrub(input.orgId), input.orgId, 'scrub', input.orgId, input),
    nudgeScrub(orgId) {
      wake('scrubWorkflow', workflowIds.scrub(orgId), orgId, 'scrub', { orgId } satisfies ScrubInput).catch(options.onError);
    },
    async startReindex({ orgId, reason }) {
      try {
        await client.workflow.signalWithStart('reindexWorkflow', {
          workflowId: workflowIds.reindex(orgId),
          taskQueue: queues.engine,
          args: [{ orgId } satisfies ReindexInput],
          signal: messages.nudge,
          signalArgs: [reason],
          ...about(orgId, 'reindex', orgId),
        });
      } catch (error) {
        throw unavailable(error);
      }
    },
    startReconcile: (input) => start('reconcileWorkflow', workflowIds.reconcile(input.orgId), input.orgId, 'reconcile', input.orgId, input),
    async reconcile(input) {
      await gateway.startReconcile(input);
      return (await client.workflow.getHandle(workflowIds.reconcile(input.orgId)).result()) as { differing: number; repaired: number };
    },
    startCohort: (input) => start('journeyWorkflow', cohortOf(input), input.orgId, 'journey', input.journeyId, input),
    wakeCohort: (input, nodes) => nudgeCohort(input, messages.wake, [nodes]),
    resumeCohort: (input) => nudgeCohort(input, messages.resume, []),
    startJourneyControl: (input) => start('journeyControlWorkflow', workflowIds.journeyControl(input.orgId, input.journeyId), input.orgId, 'journey-control', input.journeyId, input),
    nudgeJourney(input) {
      client.workflow.signalWithStart('journeyControlWorkflow', {
        workflowId: workflowIds.journeyControl(input.orgId, input.journeyId), taskQueue: queues.engine, args: [input], signal: messages.nudge, signalArgs: [],
        ...about(input.orgId, 'journey-control', input.journeyId),
      }).catch(options.onError);
    },
    startJourneySegments: (input) => start('journeySegmentsWorkflow', workflowIds.journeySegments(input.orgId), input.orgId, 'journey-segments', input.orgId, input),
    removeList: (input) => start('removeListWorkflow', workflowIds.listRemoval(input.orgId, input.listId), input.orgId, 'list', input.listId, input),
    removeField: (input) => start('removeFieldWorkflow', workflowIds.fieldRemoval(input.orgId, input.fieldNo), input.orgId, 'field', String(input.fieldNo), input),
    nudgeOutbox(orgId) {
      // Between two nudges one more waits at most; it goes out when the second is over.
      if (nudged.has(orgId)) {
        if (nudged.get(orgId) === null) {
          nudged.set(orgId, setTimeout(() => { nudged.delete(orgId); gateway.nudgeOutbox(orgId); }, NUDGE_INTERVAL_MS).unref());
        }
        return;
      }
      nudged.set(orgId, null);
      setTimeout(() => { if (nudged.get(orgId) === null) nudged.delete(orgId); }, NUDGE_INTERVAL_MS).unref();
      wake('outboxWorkflow', workflowIds.outbox(orgId), orgId, 'outbox', { orgId } satisfies OutboxInput).catch(options.onError);
    },
    async ping() {
      await connection.ensureConnected();
      await connection.workflowService.getSystemInfo({});
    },
    async isWorked() {
      const described = await Promise.all(Object.values(queues).map((name) => connection.workflowService.describeTaskQueue({ namespace: options.namespace, taskQueue: { name }, taskQueueType: 2 })));
      const isFresh = (seconds: unknown) => Date.now() / 1_000 - Number(seconds ?? 0) < WORKER_GONE_SECONDS;
      return described.every(({ pollers }) => (pollers ?? []).some(({ lastAccessTime }) => isFresh(lastAccessTime?.seconds)));
    },
    workflowUrl: (workflowId) => `${options.uiUrl.replace(/\/$/, '')}/namespaces/${options.namespace}/workflows/${encodeURIComponent(workflowId)}`,
    workflowsUrl: (entityId) => `${options.uiUrl.replace(/\/$/, '')}/namespaces/${options.namespace}/workflows?query=${encodeURIComponent(`EntityId="${entityId}"`)}`,
    async close() {
      for (const timer of nudged.values()) if (timer !== null) clearTimeout(timer);
      await connection.close();
    },
  };
  return gateway;
}

function unavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'The workflow engine cannot be reached at the moment. Nothing was started; try again in a minute.', [], { cause });
}
