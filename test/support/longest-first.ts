import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of a minute and more, most of which wait for clocks; the longest of each suite first. */
const long = [
  'integration/bad-input', 'integration/send-limits', 'integration/campaign-schedule', 'integration/segment-property', 'integration/send-sessions', 'integration/erasure', 'integration/bulk',
  'integration/campaign-experiment', 'integration/campaign-rules', 'integration/campaign-delivery', 'integration/import', 'integration/exports', 'integration/campaign-workflow', 'integration/sweep',
  'faults/services', 'faults/workers', 'faults/mail-server', 'faults/import-kill', 'faults/journey-kill', 'faults/recipients', 'faults/reindex-kill',
  'browser/campaign-builder', 'browser/journeys', 'browser/journey-builder', 'browser/campaign-report', 'browser/customers',
];

/** The files of `long` begin before all others, so that none of them is left alone at the end. A file's size says nothing about its time. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = long.indexOf(relative(`${import.meta.dirname}/..`, moduleId).replace(/\.test\.ts$/, ''));
      return found === -1 ? long.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
