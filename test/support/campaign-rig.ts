import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { expect } from 'vitest';
import { queues, workflowIds } from '../../workflows/contracts.ts';
import type { FakeCampaign } from './fake-campaign.ts';
import type { WorkflowRig } from './workflow.ts';

/** Starts the workflow of a fake campaign. */
export function startCampaign(rig: WorkflowRig, { input }: FakeCampaign): Promise<WorkflowHandle> {
  return rig.environment.client.workflow.start('campaignWorkflow', { workflowId: workflowIds.campaign(input.orgId, input.campaignId), taskQueue: queues.engine, args: [input] });
}

export function until(condition: () => boolean): Promise<void> {
  return expect.poll(condition, { timeout: 30_000 }).toBe(true);
}

/** The sentence a command is refused with. */
export async function refusalOf(command: Promise<unknown>): Promise<string | undefined> {
  const error = await command.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  return (error as WorkflowUpdateFailedError).cause?.message;
}
