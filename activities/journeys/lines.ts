import { enhancedCode } from '#domain/delivery/reply.ts';
import type { Container } from '../../infra/container.ts';
import type { Providers } from '../../infra/mail/providers/registry.ts';
import { loadConnection } from '../../infra/mail/source.ts';
import type { RangeStop } from '../../infra/mail/range-run.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';

interface Connection {
  readonly id: string; readonly no: number; readonly name: string; readonly enabled: boolean; readonly health: 'unknown' | 'healthy' | 'broken'; readonly healthReason: string | null;
}

/** Over which connection to send, or what keeps people waiting. */
export type Line = { readonly connectionNo: number } | { readonly problem: string };

/** A broken connection is tried so often by one process, whoever waits for it. */
const PROBE_EVERY_MS = 25_000;

export interface Lines {
  /**
   * The connection of a send step, else its backup, as far as they work. One that broke is tried by signing in; one whose
   * server refused by policy (5.7.x) waits until a person has tested it, for every further try would fail somebody.
   * @param tried connections that just broke
   */
  choose(tenant: Tenant, connectionId: string, tried: ReadonlySet<number>): Promise<Line>;
  /** Notes that it broke. */
  broke(tenant: Tenant, stop: Extract<RangeStop, { kind: 'broken' }>): Promise<void>;
}

export function createLines({ secrets, logger }: Pick<Container, 'secrets' | 'logger'>, providers: Providers): Lines {
  const probes = new Map<string, { readonly at: number; readonly works: Promise<boolean> }>();

  function probe(tenant: Tenant, connection: Connection): Promise<boolean> {
    const key = `${tenant.org.id}|${connection.no}`;
    const known = probes.get(key);
    if (known !== undefined && performance.now() - known.at < PROBE_EVERY_MS) return known.works;
    const works = trySignIn(tenant, connection).finally(() => setTimeout(() => probes.delete(key), PROBE_EVERY_MS).unref());
    probes.set(key, { at: performance.now(), works });
    return works;
  }

  async function trySignIn(tenant: Tenant, { id, no }: Connection): Promise<boolean> {
    try {
      const connection = await loadConnection(tenant, secrets, id);
      if (connection === undefined) return false;
      (await providers.get(connection.vendor).open(connection.settings)).close();
      await tenant.sql.run("update connection set health = 'healthy', health_reason = null where no = $1 and health = 'broken'", [no]);
      return true;
    } catch (error) {
      logger.info({ err: error, orgId: tenant.org.id, connectionId: id }, 'the connection cannot be reached yet');
      return false;
    }
  }

  return {
    async choose(tenant, connectionId, tried) {
      const chain = await readChain(tenant, connectionId);
      let problem = 'The connection of this step was deleted. Choose another one and publish.';
      for (const [i, connection] of chain.entries()) {
        if (!connection.enabled) problem = i === 0 ? `The connection “${connection.name}” is disabled.` : problem;
        else if (tried.has(connection.no)) problem = i === 0 ? broken(connection) : problem;
        else if (connection.health !== 'broken') return { connectionNo: connection.no };
        else {
          problem = i === 0 ? broken(connection) : problem;
          if (isPolicy(connection)) continue;
          const hasSoundBackup = chain.slice(i + 1).some((other) => other.enabled && other.health !== 'broken' && !tried.has(other.no));
          const works = probe(tenant, connection);
          if (!hasSoundBackup && (await works)) return { connectionNo: connection.no };
        }
      }
      return { problem };
    },
    async broke(tenant, { connectionNo, reason, detail }) {
      if (reason !== 'connection_disabled') await tenant.sql.run("update connection set health = 'broken', health_reason = $2 where no = $1", [connectionNo, detail]);
    },
  };
}

function broken({ name, healthReason }: Connection): string {
  return `The connection “${name}” is broken${healthReason === null ? '' : `: ${healthReason}`}`.replace(/[.\s]*$/, '.');
}

function isPolicy({ healthReason }: Connection): boolean {
  return enhancedCode(healthReason ?? '')?.startsWith('5.7.') ?? false;
}

function readChain({ sql }: Tenant, connectionId: string): Promise<Connection[]> {
  return sql.rows(
    `select n.id::text, n.no, n.name, n.enabled, n.health, n.health_reason as "healthReason" from connection n
      where n.id::text = $1 or n.id = (select backup_id from connection where id::text = $1) order by n.id::text <> $1`, [connectionId]);
}
