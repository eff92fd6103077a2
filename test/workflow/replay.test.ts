import { globSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import proto from '@temporalio/proto';
import { bundleWorkflowCode, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';

/**
 * Runs that are under way must go on after a deploy: every recorded history replays on today's code.
 * A change of the order of commands fails here; guard it with `patched`, and record new histories beside the old.
 */

const root = resolve(import.meta.dirname, '../..');
const { History } = proto.temporal.api.history.v1;
const histories = globSync('test/histories/*.json', { cwd: root }).sort().map((path) => ({ name: basename(path, '.json'), path: resolve(root, path) }));

let bundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  bundle = await bundleWorkflowCode({ workflowsPath: resolve(root, 'workflows/index.ts') });
});

const read = (path: string) => History.fromObject(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>);

test('every kind of workflow has a recorded history', () => {
  const types = new Set(histories.map(({ path }) => read(path).events[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name));
  const kinds = [...readFileSync(resolve(root, 'workflows/index.ts'), 'utf8').matchAll(/\w+Workflow\b/g)].map(([name]) => name);
  // The sweep never ends; its run of an hour is one activity and one timer, again and again.
  expect([...types].sort()).toEqual(kinds.filter((kind) => kind !== 'sweepWorkflow').sort());
});

describe.each(histories)('$name', ({ path, name }) => {
  test('replays', async () => {
    await Worker.runReplayHistory({ workflowBundle: bundle }, read(path), `replay-${name}`);
  });

  test('a command that comes out differently is noticed', async () => {
    const history = read(path);
    const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes != null);
    const attributes = scheduled?.activityTaskScheduledEventAttributes;
    if (attributes?.activityType == null) throw new Error('this history schedules no activity');
    attributes.activityType.name = 'somethingElse';
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history, `replay-${name}`)).rejects.toThrow(/nondeterminism/i);
  });
});
