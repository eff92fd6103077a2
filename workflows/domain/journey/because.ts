/** Why a person left a step by a port, in words, from what its kind noted: `city: “berlin”`, `sent: 2026-03-01 09:00, opened: no`. */
export function sayBecause(because: Readonly<Record<string, unknown>> | undefined): string {
  if (because === undefined) return '';
  const { field, value, ...others } = because;
  const noted = typeof field === 'string' && 'value' in because ? { [field]: value, ...others } : because;
  return Object.entries(noted).map(([name, each]) => `${name.replace(/^custom\./, '').replaceAll('_', ' ')}: ${sayValue(each)}`).join(', ');
}

function sayValue(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'string') return typeof value === 'number' ? String(value) : JSON.stringify(value).slice(0, 100).toWellFormed();
  const instant = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):\d{2}(?:\.\d+)?Z$/.exec(value);
  return instant === null ? `“${value.slice(0, 100).toWellFormed()}”` : `${instant[1]} ${instant[2]} UTC`;
}
