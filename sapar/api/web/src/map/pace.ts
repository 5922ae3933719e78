/**
 * Whether this computer draws frames fast enough for vehicles to glide. Where a frame takes longer
 * than a moment, gliding would only keep the processor busy: vehicles then move once a second.
 */

/** A frame that takes longer is slow. */
const slow_ms = 90;
/** So many slow frames one after another, and gliding rests. */
const slow_max = 4;
const rest_ms = 60_000;

export class Pace {
  #before_ms = 0;
  #slow = 0;
  #rests_until_ms = 0;

  /** Whether gliding is worth it now. */
  isQuick(now_ms: number): boolean {
    return now_ms >= this.#rests_until_ms;
  }

  /** A movement begins: the time until its first frame tells nothing. */
  begin(now_ms: number): void {
    this.#before_ms = now_ms;
  }

  /** A frame of the movement. */
  frame(now_ms: number): void {
    this.#slow = now_ms - this.#before_ms > slow_ms ? this.#slow + 1 : 0;
    this.#before_ms = now_ms;
    if (this.#slow < slow_max) return;
    this.#slow = 0;
    this.#rests_until_ms = now_ms + rest_ms;
  }
}
