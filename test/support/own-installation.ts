import { ownPlace } from './own-place.ts';

/**
 * Runs before each file of a suite: a namespace and a control database of its own. Its workers take nobody else's tasks,
 * and its sweep finds nobody else's campaigns, which it would start a second time.
 */
Object.assign(process.env, await ownPlace());
