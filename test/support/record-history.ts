import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

/**
 * Records the history of a finished run for the replay test:
 * `node test/support/record-history.ts NAME WORKFLOW_ID` with TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE set.
 */
const [name = '', workflowId = ''] = process.argv.slice(2);
const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
const client = new Client({ connection, namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default' });
const history = await client.workflow.getHandle(workflowId).fetchHistory();
const json = proto.temporal.api.history.v1.History.toObject(proto.temporal.api.history.v1.History.fromObject(history), { bytes: String, longs: String, enums: String });
writeFileSync(resolve(import.meta.dirname, `../histories/${name}.json`), `${JSON.stringify(json, (key, value: unknown) => (key.toLowerCase().endsWith('identity') ? 'worker' : value))}\n`);
process.stdout.write(`${name}: ${history.events?.length ?? 0} events\n`);
await connection.close();
