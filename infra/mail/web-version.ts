import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Tenant } from '../tenancy/registry.ts';
import { fieldsOf } from './content.ts';
import { ENTRY_EVENT } from './pages.ts';
import { loadMail } from './source.ts';
import type { TrackingIds } from './tracking-id.ts';
import { compileVariants, type CompiledVariants } from './variants.ts';

/** A mail as one of its readers got it, to be read in a browser. */
export interface WebVersion {
  readonly html: string;
  /** Whether the mail counts opens: reading it here is one. */
  readonly countsOpens: boolean;
}

interface Compiled {
  readonly variants: CompiledVariants;
  readonly countsOpens: boolean;
}

/** Mails compiled at once in this process: content is locked from launch on, so the first compilation stands. */
const KEPT = 20;

/** Makes the mail of a message again, with what is known of the reader now; undefined when she or the mail is gone. */
export function createWebVersions(options: { readonly ids: TrackingIds; readonly baseUrl: string; readonly clock: Clock }) {
  const kept = new LRUCache<string, Compiled>({ max: KEPT });

  async function compiled(tenant: Tenant, mailNo: number): Promise<Compiled | undefined> {
    const key = `${tenant.org.id}|${mailNo}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const mail = await loadMail(tenant, mailNo);
    if (mail === undefined) return undefined;
    const made = { variants: compileVariants(mail, options), countsOpens: mail.variants[0]?.tracking.opens ?? false };
    kept.set(key, made);
    return made;
  }

  return async (tenant: Tenant, mailNo: number, ordinal: number): Promise<WebVersion | undefined> => {
    const reader = await tenant.sql.first<Record<string, unknown> & { id: number; email: string; variant: number | null }>(
      `select c.*, m.variant, ${ENTRY_EVENT} from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and m.ordinal = $2 and m.attempt > 0`, [mailNo, ordinal]);
    if (reader === undefined) return undefined;
    const mail = await compiled(tenant, mailNo);
    if (mail === undefined) return undefined;
    const shown = mail.variants.of(reader.variant).show({ ordinal, customerId: reader.id, email: reader.email, fields: fieldsOf(reader, mail.variants.paths) }, options.clock.now());
    return { html: shown.html, countsOpens: mail.countsOpens };
  };
}
