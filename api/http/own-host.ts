import type { RequestHandler } from 'express';
import type { TrackingIds } from '../../infra/mail/tracking-id.ts';
import type { TrackingHosts } from '../../infra/tenancy/tracking-hosts.ts';
import { page, sendPage } from './page.ts';

/** What stands where an id stood that is unknown here. */
const UNKNOWN = '-';

/** On an organization's tracking domain the ids of others are unknown, as if they had been altered: a page learns of it by its address alone. */
export function createOwnIds(ids: TrackingIds, hosts: TrackingHosts): RequestHandler {
  return (req, _res, next) => {
    hosts.ownerOf(req.hostname).then((owner) => {
      const id = owner === null ? undefined : /\/([A-Za-z0-9_-]{22})(?=$|[/?])/.exec(req.url)?.[1];
      if (id !== undefined && ids.orgNoOf(id) !== owner) req.url = req.url.replace(id, UNKNOWN);
      next();
    }, next);
  };
}

const nothingHere = page({ title: 'There is nothing here', body: '<p>This address serves the links of mails. Open one from a mail.</p>' });

/** A tracking domain serves links of mails alone: neither the app nor its API. */
export function createLinksOnly(hosts: TrackingHosts): RequestHandler {
  return (req, res, next) => {
    hosts.ownerOf(req.hostname).then((owner) => (owner === null || req.path.startsWith('/f/') ? next() : sendPage(res, 404, nothingHere)), next);
  };
}
