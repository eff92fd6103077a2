/** The books of an ended campaign, closed: every number counted again from where it was written. */
export interface Certificate {
  /** SHA-256 of the customer ids, frozen and as the ledger has them now. */
  readonly audience: { readonly frozen: string; readonly recounted: string };
  readonly resolved: number;
  /** The ledger, row by row. `resolved` is their sum. */
  readonly ledger: { readonly sent: number; readonly failed: number; readonly skipped: number; readonly inDoubt: number };
  readonly reasons: readonly { readonly state: 'failed' | 'skipped' | 'in_doubt'; readonly reason: string; readonly count: number }[];
  /** What the report shows. */
  readonly counters: { readonly sent: number; readonly failed: number; readonly skipped: number; readonly inDoubt: number };
  /** `sent` events in the customers' own records; `erased`: recipients whose records are gone. */
  readonly events: { readonly sent: number; readonly erased: number };
  readonly verdict: 'balanced' | 'differs';
  /** Customers whose ledger row and record disagree, 100 at most. */
  readonly differing: readonly number[];
  /** ISO 8601. */
  readonly issuedAt: string;
}
