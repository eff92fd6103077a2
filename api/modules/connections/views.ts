import { z } from 'zod';
import type { Limits } from '#domain/delivery/rate.ts';
import type { Connection } from '../../../infra/db/organization/entities/connection.ts';
import { limits } from './input.ts';

export const vendors = ['catcher', 'smtp'] as const;

export const ConnectionView = z.object({
  id: z.uuid(), name: z.string(), vendor: z.enum(vendors), host: z.string(), port: z.int().nullable(), secure: z.enum(['starttls', 'tls', 'none']), username: z.string(), passwordSet: z.boolean(),
  fromEmail: z.string().nullable(), fromName: z.string().nullable(), parallel: z.int(), limits,
  warmUp: z.object({ startedOn: z.string(), first: z.int(), growthPercent: z.int(), target: z.int() }).nullable(), backupId: z.uuid().nullable(), enabled: z.boolean(), health: z.enum(['unknown', 'healthy', 'broken']), healthReason: z.string().nullable(),
  usedBy: z.int(), version: z.int(), createdAt: z.string(), updatedAt: z.string(),
});
export const ConnectionTestView = z.object({ ok: z.boolean(), stage: z.string(), message: z.string(), reply: z.string().nullable() });

export function toConnectionView(connection: Connection): z.infer<typeof ConnectionView> {
  const { settings } = connection;
  return {
    id: connection.id, name: connection.name, vendor: connection.vendor, host: settings.host ?? '', port: settings.port ?? null, secure: settings.secure ?? 'none', username: settings.username ?? '',
    passwordSet: connection.secret !== null, fromEmail: connection.fromEmail, fromName: connection.fromName, parallel: connection.parallel, limits: toLimitsView(connection.limits),
    warmUp: connection.warmup === null ? null : { startedOn: connection.warmup.startedOn, first: connection.warmup.first, growthPercent: connection.warmup.growthPercent, target: connection.warmup.target }, backupId: connection.backupId, enabled: connection.enabled,
    health: connection.health, healthReason: connection.healthReason, usedBy: connection.usedBy, version: connection.version, createdAt: connection.createdAt.toISOString(), updatedAt: connection.updatedAt.toISOString(),
  };
}

function toLimitsView({ second, minute, hour, day, dayWindow }: Limits): z.infer<typeof limits> {
  return { second: second ?? null, minute: minute ?? null, hour: hour ?? null, day: day ?? null, dayWindow: dayWindow ?? 'midnight' };
}
