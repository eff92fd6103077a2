import { KEPT_SECRET } from '#domain/shared/forms.ts';
import { checkTemplate, renderJson } from '../template.ts';
import { defineKind, type ConfigProblem } from './node.ts';

export interface WebhookConfig {
  readonly url: string;
  /** JSON with merge tags, for `renderJson`. */
  readonly payload: string;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  readonly secret?: string;
}

export const PAYLOAD_MAX = 32_768;

const payload = `{
  "customer": {
    "id": {{customer.id}},
    "email": {{email}},
    "first_name": {{first_name}},
    "last_name": {{last_name}}
  },
  "journey": {{journey.name}},
  "step": {{step.name}},
  "event": {{event.name}},
  "at": {{now}}
}`;

/** Headers that are ours or the connection's. */
const reserved = /^(host|content-length|content-type|transfer-encoding|connection|user-agent|webhook-.*)$/i;

export const webhook = defineKind<WebhookConfig>({
  kind: 'webhook', label: 'Fire Webhook', group: 'action', activity: 'webhook', reads: ['fields', 'event'],
  summary: 'Calls your own system with the person’s data, signed, and tries again for a day if it does not answer.',
  form: [
    { name: 'url', label: 'URL', type: 'url', required: true },
    { name: 'payload', label: 'Payload', type: 'long-text', max: PAYLOAD_MAX, mergeTags: true, required: true, default: payload, help: 'JSON. Tags stand for the customer, the journey, the step and the event that brought her in.' },
    { name: 'headers', label: 'Headers', type: 'pairs', keyLabel: 'Header', valueLabel: 'Value', max: 20, isSecret: true, default: [], help: 'Values are kept sealed and not shown again.' },
    { name: 'secret', label: 'Secret', type: 'secret', required: true, help: 'Every call is signed with it, by Standard Webhooks.' },
  ],
  ports: () => [{ id: 'next', label: 'Next' }, { id: 'failed', label: 'Failed' }],
  step: () => ({ kind: 'act' }),
  check: ({ payload: template, headers }, { catalogue }) => {
    const problems = checkTemplate(template, 'payload', catalogue);
    if (problems.length === 0 && !isJson(renderJson(template, { get: () => 'x' }))) problems.push({ field: 'payload', message: 'This is no JSON once its tags are filled in. Look for a missing comma, quote or bracket.', severity: 'error' });
    return [...problems, ...headers.flatMap(({ key, value }, i) => headerProblem(key, value, `headers[${i}]`))];
  },
  describe: ({ url }) => (url === undefined ? 'No URL yet' : url.replace(/^https?:\/\//i, '').slice(0, 60)),
});

function headerProblem(key: string, value: string, path: string): ConfigProblem[] {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(key)) return [{ field: `${path}.key`, message: 'A header name holds letters, digits and - only.', severity: 'error' }];
  if (reserved.test(key)) return [{ field: `${path}.key`, message: `The header ${key} is set by Fermata; leave it out.`, severity: 'error' }];
  return value === KEPT_SECRET || /^[\x20-\x7e]*$/.test(value) ? [] : [{ field: `${path}.value`, message: 'A header value holds plain characters on one line only.', severity: 'error' }];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
