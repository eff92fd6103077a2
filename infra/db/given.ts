/** The fields that are defined: for writes through MikroORM, which stores `undefined` as null. */
export function given<T extends object>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [Field in keyof T]?: Exclude<T[Field], undefined> };
}
