/**
 * Movement between fixes. A vehicle is drawn on the straight line from where it was drawn to its
 * newest fix, and arrives there within a second. It is never drawn beyond a fix: no position is
 * invented, and a bus that falls silent stands where it was last known to be.
 */

export interface Position {
  readonly lon: number;
  readonly lat: number;
}

/** A movement: begun at `start_ms`, it ends `glide_ms` later; `from` is `to` where there is none. */
export interface Track {
  readonly from: Position;
  readonly to: Position;
  readonly start_ms: number;
}

export const glide_ms = 950;
/** Farther than this (degrees of latitude, about 900 m) is a jump, not a movement. */
const jump_deg = 0.008;

export class Glide {
  readonly #tracks = new Map<string, Track>();
  #until_ms = 0;

  /** Whether anything still moves at `now_ms`. */
  moving(now_ms: number): boolean {
    return now_ms < this.#until_ms;
  }

  /** Takes the newest fixes; `smooth` false puts everything in its place at once. */
  take(fixes: Iterable<Position & { readonly id: string }>, now_ms: number, smooth: boolean): void {
    const seen = new Set<string>();
    for (const { id, lon, lat } of fixes) {
      seen.add(id);
      const track = this.#tracks.get(id);
      const to = { lon, lat };
      if (!track) {
        this.#tracks.set(id, { from: to, to, start_ms: now_ms });
      } else if (track.to.lon !== lon || track.to.lat !== lat) {
        const drawn = drawnAt(track, now_ms);
        const far = Math.max(Math.abs(drawn.lat - lat), Math.abs(drawn.lon - lon)) > jump_deg;
        const from = smooth && !far ? drawn : to;
        this.#tracks.set(id, { from, to, start_ms: now_ms });
        if (from !== to) this.#until_ms = now_ms + glide_ms;
      }
    }
    for (const id of this.#tracks.keys()) if (!seen.has(id)) this.#tracks.delete(id);
  }

  /** The newest movement of a vehicle; undefined when it is not known. */
  track(id: string): Track | undefined {
    return this.#tracks.get(id);
  }

  /** Ends all movement where the vehicles are known to be. */
  settle(): void {
    for (const [id, track] of this.#tracks) this.#tracks.set(id, { ...track, from: track.to });
    this.#until_ms = 0;
  }
}

/** How much of a movement is done, 0 to 1, so long after its start. */
export function glidePart(passed_ms: number): number {
  return Math.min(1, Math.max(0, passed_ms / glide_ms));
}

/** The number that lies `part` of the way between two. */
export function mix(from: number, to: number, part: number): number {
  return from + (to - from) * part;
}

/** Where a movement is at `now_ms`. */
export function drawnAt({ from, to, start_ms }: Track, now_ms: number): Position {
  const part = glidePart(now_ms - start_ms);
  return { lon: mix(from.lon, to.lon, part), lat: mix(from.lat, to.lat, part) };
}
