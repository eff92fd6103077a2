/** The fields that are defined: MikroORM stores `undefined` as null, and a spread lets it win. */
export function given<T extends object>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [Field in keyof T]?: Exclude<T[Field], undefined> };
}
