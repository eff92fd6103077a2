/** The part of Vitest's JSON report that is read here. */
export interface JsonReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Adds up reports; a file that could not be loaded has no tests and counts as one that failed. */
export function summarize(reports: readonly JsonReport[]): Summary {
  const sum = (count: (report: JsonReport) => number) => reports.reduce((total, report) => total + count(report), 0);
  const unloaded = (report: JsonReport) => report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  return {
    passed: sum((report) => report.numPassedTests),
    failed: sum((report) => report.numFailedTests + unloaded(report)),
    skipped: sum((report) => report.numPendingTests + report.numTodoTests),
  };
}

/** `12 passed, 0 failed`, with `, 1 skipped` when something was. */
export function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
