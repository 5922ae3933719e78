/**
 * Movement between fixes. A vehicle is drawn on the straight line from where it was drawn to its
 * newest fix, and arrives there within a second. It is never drawn beyond a fix: no position is
 * invented, and a bus that falls silent stands where it was last known to be.
 */

export interface Position {
  readonly lon: number;
  readonly lat: number;
}

interface Track {
  from: Position;
  to: Position;
  start_ms: number;
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
        track.from = smooth && !far ? drawn : to;
        track.to = to;
        track.start_ms = now_ms;
        if (track.from !== to) this.#until_ms = now_ms + glide_ms;
      }
    }
    for (const id of this.#tracks.keys()) if (!seen.has(id)) this.#tracks.delete(id);
  }

  /** Where a vehicle is drawn; undefined when it is not known. */
  at(id: string, now_ms: number): Position | undefined {
    const track = this.#tracks.get(id);
    return track && drawnAt(track, now_ms);
  }

  /** Ends all movement where the vehicles are known to be. */
  settle(): void {
    for (const track of this.#tracks.values()) track.from = track.to;
    this.#until_ms = 0;
  }
}

function drawnAt(track: Track, now_ms: number): Position {
  const part = Math.min(1, Math.max(0, (now_ms - track.start_ms) / glide_ms));
  return {
    lon: track.from.lon + (track.to.lon - track.from.lon) * part,
    lat: track.from.lat + (track.to.lat - track.from.lat) * part,
  };
}
