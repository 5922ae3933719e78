/** Time across, place down: from seconds and shares of the way to pixels, and back. Pure. */

export interface View {
  /** Seconds of the service day at the left edge, and how many are shown. */
  readonly from_s: number;
  readonly length_s: number;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** Room for the names of stops, and for the times. */
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
  readonly right: number;
}

export const lengths_s = [1800, 3600, 7200, 14_400, 28_800] as const;

export function xOf(at_s: number, view: View, frame: Frame): number {
  const room = frame.width - frame.left - frame.right;
  return frame.left + ((at_s - view.from_s) / view.length_s) * room;
}

export function timeAt(x: number, view: View, frame: Frame): number {
  const room = frame.width - frame.left - frame.right;
  return view.from_s + ((x - frame.left) / room) * view.length_s;
}

/** The way there goes down and the way back goes up, so that a place is at the same height in both. */
export function yOf(along: number, upwards: boolean, frame: Frame): number {
  const room = frame.height - frame.top - frame.bottom;
  return frame.top + (upwards ? 1 - along : along) * room;
}

/** Seconds between the marks of the time: as many as fit, at round times. */
export function stepOf(view: View, frame: Frame): number {
  const wanted = (view.length_s / (frame.width - frame.left - frame.right)) * 90;
  return [300, 600, 900, 1800, 3600, 7200].find((step) => step >= wanted) ?? 14_400;
}

/** The view one step nearer or farther around a moment that stays where it is. */
export function zoomed(view: View, nearer: boolean, around_s: number): View {
  const at = lengths_s.findIndex((length) => length >= view.length_s);
  const next = lengths_s[Math.max(0, Math.min(lengths_s.length - 1, at + (nearer ? -1 : 1)))];
  const length_s = next ?? view.length_s;
  const share = (around_s - view.from_s) / view.length_s;
  return { from_s: around_s - share * length_s, length_s };
}

/** Which stops have room for their names: both ends first, then whatever is far enough from those. */
export function namedStops(ys: readonly number[], gap: number): ReadonlySet<number> {
  const named = new Set<number>();
  const order = [0, ys.length - 1, ...ys.keys()];
  for (const n of order) {
    const y = ys[n];
    if (y === undefined) continue;
    if ([...named].every((other) => Math.abs((ys[other] ?? 0) - y) >= gap)) named.add(n);
  }
  return named;
}
