import { createNamespace } from './namespace.ts';

/** Runs before each file of a suite: its workers and workflows meet nobody else's. */
const address = process.env['TEMPORAL_ADDRESS'];
if (address !== undefined) process.env['TEMPORAL_NAMESPACE'] = await createNamespace(address);
