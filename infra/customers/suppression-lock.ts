/**
 * Who suppresses addresses and who makes customers exclude each other, in groups: while some suppress, nobody makes a
 * customer, who would miss the entry, and the entry her; each group may be many. Everybody takes this lock before any
 * message or customer row, so nobody waits crosswise, and has it until the transaction ends.
 *
 * Groups that share among themselves and exclude each other are what modes of a table lock can say and advisory locks
 * cannot (a lock two of one group can hold together is a shared one in both). The table is empty and stays so: a lock
 * on `suppression` itself turned its vacuum away for as long as imports run.
 */
const hold = (mode: string) => `lock table suppression_lock in ${mode} mode`;

/** For those who write or delete suppressions. */
export const WRITE_SUPPRESSIONS = hold('row exclusive');

/** For those who make customers or give them another address. */
export const KEEP_SUPPRESSIONS = hold('share');

/** For the one who does both. */
export const KEEP_AND_WRITE_SUPPRESSIONS = hold('share row exclusive');

/** For those who erase, after `WRITE_SUPPRESSIONS`; it keeps out the ones below. */
export const ERASE = 'lock table erased_address in row exclusive mode';

/** For those who suppress addresses a file holds, after `WRITE_SUPPRESSIONS`: who was erased since it came is known until the transaction ends. */
export const KEEP_ERASED = 'lock table erased_address in share mode';
