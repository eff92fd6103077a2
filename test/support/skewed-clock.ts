/**
 * Loaded before a worker's own code (`--import`): its clock goes wrong by `FERMATA_TEST_SKEW_MS`. The clocks of the
 * database and of Temporal stay right.
 */
const skewMs = Number(process.env['FERMATA_TEST_SKEW_MS']);
const RightDate = Date;

class SkewedDate extends RightDate {
  constructor(...given: []) {
    if (given.length === 0) super(RightDate.now() + skewMs);
    else super(...given);
  }

  static override now(): number {
    return RightDate.now() + skewMs;
  }
}
globalThis.Date = SkewedDate as DateConstructor;
