import type { Request } from 'express';
import type { Config } from '../../infra/config.ts';
import { readAgent } from '../../infra/engagement/agent.ts';
import { openPlaces } from '../../infra/engagement/place.ts';

/** Who asks, as far as her request tells. Empty: not known. */
export interface Visitor {
  /** Why it is no person; null: nothing speaks against one. */
  readonly machine: 'head' | 'prefetch' | 'privacy_proxy' | 'scanner' | null;
  readonly country: string;
  readonly city: string;
  readonly client: string;
  readonly device: string;
}

/** Reads requests from mails. Her address is looked up and kept nowhere. */
export function createVisitorReader(config: Pick<Config, 'FERMATA_GEO_CITY_DB'>): (req: Request) => Visitor {
  const places = openPlaces(config.FERMATA_GEO_CITY_DB);
  return (req) => {
    const { client, device, machine, isProxy } = readAgent({ userAgent: req.headers['user-agent'] ?? '', referer: req.headers.referer ?? '' });
    // A proxy stands elsewhere than its reader.
    const place = isProxy ? { country: '', city: '' } : places.find(req.ip);
    return { machine: req.method === 'HEAD' ? 'head' : isPrefetch(req) ? 'prefetch' : machine, ...place, client, device };
  };
}

/** A browser or mail program that says it fetches ahead of its user. */
function isPrefetch({ headers }: Request): boolean {
  return ['purpose', 'sec-purpose', 'x-purpose', 'x-moz'].some((name) => /prefetch|preview|prerender/i.test(String(headers[name] ?? '')));
}
