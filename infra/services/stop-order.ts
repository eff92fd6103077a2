/**
 * The api and the workers, who are not named here, drain first, while everything they need still answers; Postgres,
 * the truth, goes last. The limits of the children themselves add up to less than 20 s along this order.
 */
const groups: readonly (readonly string[])[] = [['catcher'], ['temporal', 'elasticsearch'], ['postgres']];

/** Stops all in order: members of a group together, the next group when all of them are gone. */
export async function stopInOrder<T>(all: readonly T[], nameOf: (each: T) => string, stop: (each: T) => Promise<void>): Promise<void> {
  const groupOf = (each: T) => groups.findIndex((names) => names.includes(nameOf(each)));
  for (let group = -1; group < groups.length; group++) {
    await Promise.all(all.filter((each) => groupOf(each) === group).map(stop));
  }
}
