import { z } from 'zod';
import type { AnyRoute } from './mount.ts';

type Json = Record<string, unknown>;

/** The API's description, made from the route objects alone. */
export function toOpenApi(routes: readonly AnyRoute[]): Json {
  const paths: Record<string, Json> = {};
  const shared: Json = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operation(route, shared) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Fermata', version: '1', description: 'Customers, segments, campaigns and their reports. Errors are problem documents (RFC 9457).' },
    servers: [{ url: '/api/v1' }],
    security: [{ bearer: [] }, { session: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, session: { type: 'apiKey', in: 'cookie', name: 'fermata_session' } },
      schemas: { Problem: problem, ...shared },
    },
  };
}

function operation(route: AnyRoute, shared: Json): Json {
  const status = String(route.status ?? (route.reply === null ? 204 : 200));
  const parameters = [...parametersOf(route.params, 'path', shared), ...parametersOf(route.query, 'query', shared)];
  return {
    operationId: `${route.method}${route.path.split('/').map((part) => part.replace(/\W/g, ' ').trim().replace(/(?:^|\s)(\w)/g, (_, c: string) => c.toUpperCase())).join('')}`,
    summary: route.summary,
    tags: [route.tag],
    ...(route.capability === 'public' ? { security: [] } : {}),
    ...(route.scope === undefined ? {} : { 'x-scope': route.scope }),
    'x-capability': route.capability,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.bodyMode === 'stream'
      ? { requestBody: { required: true, content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } } }
      : route.body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input', shared) } } } }),
    responses: {
      [status]: {
        description: 'Done',
        ...(route.reply === null || route.reply === 'stream' ? {} : { content: { 'application/json': { schema: schemaOf(route.reply, 'output', shared) } } }),
      },
      default: { description: 'Refused or failed', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
    },
  };
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query', shared: Json): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input', shared) as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, each]) => ({ name, in: place, required: place === 'path' || required.includes(name), schema: each }));
}

/** A schema with a name (`.meta({ id })`) is described once, in `shared`, and referred to from everywhere. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', shared: Json): Json {
  const described = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline', cycles: 'ref' }));
  const { $schema: _, $defs = {}, ...json } = JSON.parse(described.replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
  for (const [name, { id: _, ...named }] of Object.entries($defs as Record<string, Json>)) shared[name] = named;
  return json;
}

const problem: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'errors'],
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' }, instance: { type: 'string' }, code: { type: 'string' },
    errors: { type: 'array', items: { type: 'object', required: ['field', 'message'], properties: { field: { type: 'string' }, message: { type: 'string' } } } },
  },
};
