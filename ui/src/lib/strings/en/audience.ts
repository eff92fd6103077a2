import { bulk, customers, exports, fields, lists, membership, runs, suppressed, timeline, uses, why } from './customers.ts';
import { suppression } from './suppression.ts';
import { suppressionUploads, uploads } from './uploads.ts';

export const audience = {
  customers,
  membership,
  suppressed,
  runs,
  timeline,
  why,
  bulk,
  lists,
  uses,
  fields,
  exports,
  uploads,
  suppressionUploads,
  suppression,
};
