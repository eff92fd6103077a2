import type { Field } from '#domain/shared/forms.ts';

type Config = Readonly<Record<string, unknown>>;

/** A config with one value changed; undefined takes it out. */
export function withValue(config: Config, name: string, value: unknown): Config {
  if (value !== undefined) return { ...config, [name]: value };
  const { [name]: _, ...others } = config;
  return others;
}

/** The value a field shows: its own, else its default. */
export const shownValue = (config: Config, { name, default: byItself }: Pick<Field, 'name' | 'default'>): unknown => (Object.hasOwn(config, name) ? config[name] : byItself);

/** The config a new step begins with: what its form says it does by itself. */
export function initialConfig(form: readonly Field[]): Config {
  return Object.fromEntries(form.filter((field) => field.default !== undefined).map((field) => [field.name, structuredClone(field.default)]));
}
