import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, installOnce, MissingTool, pins, runMaven, verifyFolderSha256 } from './install.ts';
import { checkout, type Profile } from './profile.ts';
import type { Progress } from './progress.ts';

/**
 * Temporal's test server, which skips time: workflow tests run months in milliseconds.
 * @returns path of an executable that takes the port as its argument, for the SDK's `existing-path`
 * @throws MissingTool without a JDK or Maven
 */
export async function installJavaTestServer(profile: Profile, progress: Progress): Promise<string> {
  const { version, sha256 } = pins.temporalTestServer;
  const folder = join(profile.tools, `temporal-test-server-${version}`);
  const java = findProgram('java');
  if (java === undefined) throw new MissingTool('A JDK (17 or newer)', 'run the workflow tests', 'TEMPORAL_ADDRESS');
  if (!existsSync(folder)) {
    if (findProgram('mvn') === undefined) throw new MissingTool('Maven', 'fetch Temporal’s test server', 'TEMPORAL_ADDRESS');
    await installOnce(folder, `Temporal test server ${version}`, progress, async (draft, task) => {
      await runMaven(join(checkout, 'infra/temporal/pom.xml'), 'dependency:copy-dependencies', { outputDirectory: draft, 'temporal-test-server.version': version }, task);
      verifyFolderSha256(draft, sha256);
    });
  }
  const script = join(profile.folder, 'temporal-test-server.sh');
  writeFileSync(script, `#!/bin/sh\nexec "${java}" -Xmx512m -cp "${folder}/*" io.temporal.testserver.TestServer "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}
