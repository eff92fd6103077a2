import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Container } from '../../../infra/container.ts';

export type HealthService = ReturnType<typeof createHealthService>;

/** Readiness of what the API leans on, and the process's metrics. */
export function createHealthService({ control, elasticsearch, gateway, tenants }: Container) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const seconds = new Histogram({ name: 'fermata_http_request_seconds', help: 'Duration of API requests', labelNames: ['method', 'path', 'status'], buckets: [0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10], registers: [registry] });
  const rowsOf = (table: 'outbox' | 'index_failure', name: string, help: string) => {
    const gauge = new Gauge({
      name, help, registers: [registry],
      async collect() {
        const active = (await tenants.list()).filter((org) => org.state === 'active');
        const counts = await Promise.all(active.slice(0, 50).map((org) => tenants.use(org.id, async ({ sql }) => (await sql.first<{ n: number }>(`select count(*)::int as n from ${table}`))?.n ?? 0).catch(() => 0)));
        gauge.set(counts.reduce((sum, n) => sum + n, 0));
      },
    });
  };
  rowsOf('outbox', 'fermata_outbox_rows', 'Changes not yet in the search index, all organizations');
  rowsOf('index_failure', 'fermata_index_refused_customers', 'Customers the search index refuses and counts miss, all organizations');
  const check = async (ask: () => Promise<unknown>): Promise<'up' | 'down'> => {
    const timer = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('no answer')), 2_000).unref());
    return Promise.race([ask(), timer]).then(() => 'up' as const, () => 'down' as const);
  };
  return {
    /** Without Postgres nothing works; without search or Temporal screens and sends go on, so they are told apart but count too. */
    async ready() {
      const [postgres, search, temporal] = await Promise.all([check(() => control.rows('select 1')), check(() => elasticsearch.cluster.health()), check(() => gateway.ping())]);
      return { ok: postgres === 'up' && search === 'up' && temporal === 'up', checks: { postgres, elasticsearch: search, temporal } };
    },
    observe: (method: string, path: string, status: number, duration: number) => seconds.observe({ method, path, status }, duration),
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
