import { z } from 'zod';

export const vendors = ['catcher', 'smtp'] as const;

export const ConnectionView = z.object({
  id: z.uuid(), name: z.string(), vendor: z.enum(vendors), host: z.string(), port: z.int().nullable(), secure: z.enum(['starttls', 'tls', 'none']), username: z.string(), passwordSet: z.boolean(),
  fromEmail: z.string().nullable(), fromName: z.string().nullable(), parallel: z.int(), enabled: z.boolean(), health: z.enum(['unknown', 'healthy', 'broken']), healthReason: z.string().nullable(),
  usedBy: z.int(), version: z.int(), createdAt: z.string(), updatedAt: z.string(),
});
export const ConnectionTestView = z.object({ ok: z.boolean(), stage: z.string(), message: z.string(), reply: z.string().nullable() });

export interface ConnectionRecord {
  readonly id: string; readonly name: string; readonly vendor: (typeof vendors)[number]; readonly settings: { host?: string; port?: number; secure?: 'starttls' | 'tls' | 'none'; username?: string };
  readonly passwordSet: boolean; readonly fromEmail: string | null; readonly fromName: string | null; readonly parallel: number; readonly enabled: boolean;
  readonly health: 'unknown' | 'healthy' | 'broken'; readonly healthReason: string | null; readonly usedBy: number; readonly version: number; readonly createdAt: Date; readonly updatedAt: Date;
}

export function toConnectionView(record: ConnectionRecord): z.infer<typeof ConnectionView> {
  const { settings } = record;
  return {
    id: record.id, name: record.name, vendor: record.vendor, host: settings.host ?? '', port: settings.port ?? null, secure: settings.secure ?? 'none', username: settings.username ?? '',
    passwordSet: record.passwordSet, fromEmail: record.fromEmail, fromName: record.fromName, parallel: record.parallel, enabled: record.enabled,
    health: record.health, healthReason: record.healthReason, usedBy: record.usedBy, version: record.version, createdAt: record.createdAt.toISOString(), updatedAt: record.updatedAt.toISOString(),
  };
}
