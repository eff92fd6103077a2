import { bulk, customers, exports, fields, lists, membership, suppressed, timeline, uses, why } from './customers.ts';
import { suppression } from './suppression.ts';
import { suppressionUploads, uploads } from './uploads.ts';

export const audience = {
  customers,
  membership,
  suppressed,
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
