import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';

/** A namespace of its own: no worker of another test or of a developer takes this app's work. */
export async function createNamespace(address: string): Promise<string> {
  const namespace = `fermata-app-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('1 day') });
    const keyword = 2;
    await retry(() => connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(['OrgId', 'Kind', 'EntityId'].map((name) => [name, keyword])) }));
    // Frontends learn of a namespace with a delay; the first start would be refused until then.
    await retry(() => connection.workflowService.listWorkflowExecutions({ namespace, pageSize: 1, query: "OrgId = 'none'" }));
  } finally {
    await connection.close();
  }
  return namespace;
}

async function retry(act: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      await act();
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw cause;
      await sleep(250);
    }
  }
}
