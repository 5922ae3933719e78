/** Where runs stand on a ladder: stops evenly spaced, buses and ghosts between them. Pure. */
import type { Ghost, PlacedBus } from "../../data/console";
import { type Spacing, spacingOf } from "../../domain/spacing";

export interface LadderStop {
  readonly stop_id: string;
  /** Of the way, 0 to 1. */
  readonly along: number;
}

export interface LadderDirection {
  readonly direction: number;
  readonly headsign: string;
  readonly stops: readonly LadderStop[];
}

export interface Ladders {
  readonly routes: readonly {
    readonly route_id: string;
    readonly directions: readonly LadderDirection[];
  }[];
}

export interface OnRail {
  /** Place in stops: 0 is the first stop, 2.5 half way between the third and the fourth. */
  readonly at: number;
  /** Where the timetable has it now, in the same measure; null when it is not known. */
  readonly plan: number | null;
}

export interface BusOnRail extends OnRail {
  readonly bus: PlacedBus;
}

export interface GhostOnRail extends OnRail {
  readonly ghost: Ghost;
}

export interface Rail {
  readonly direction: LadderDirection;
  /** In the order of travel, the foremost first. */
  readonly buses: readonly BusOnRail[];
  readonly ghosts: readonly GhostOnRail[];
  /** Waiting at the first stop, the next to leave first. */
  readonly waiting: readonly PlacedBus[];
  /** Runs whose stops this direction's main line does not have. */
  readonly elsewhere: readonly PlacedBus[];
}

/** The place of a run between its stops; null when the line has neither of them. */
export function placeOf(
  run: {
    readonly prev_stop_id: string | null;
    readonly next_stop_id: string;
    readonly share: number;
  },
  indexOf: ReadonlyMap<string, number>,
): number | null {
  const next = indexOf.get(run.next_stop_id);
  const previous = run.prev_stop_id === null ? undefined : indexOf.get(run.prev_stop_id);
  if (next === undefined) return previous ?? null;
  if (previous === undefined || previous >= next)
    return run.prev_stop_id === null ? next : Math.max(0, next - 1 + run.share);
  return previous + (next - previous) * run.share;
}

/**
 * Puts the runs of a route on one of its rails.
 *
 * @param isWaiting whether a bus stands at its first stop, its run not begun
 */
export function railOf(
  direction: LadderDirection,
  buses: readonly PlacedBus[],
  ghosts: readonly Ghost[],
  isWaiting: (bus: PlacedBus) => boolean,
): Rail {
  const last = direction.stops.length - 1;
  const indexOf = new Map(direction.stops.map(({ stop_id }, index) => [stop_id, index]));
  const kept = (at: number): number => Math.min(last, Math.max(0, at));
  const placed: BusOnRail[] = [];
  const waiting: PlacedBus[] = [];
  const elsewhere: PlacedBus[] = [];
  for (const bus of buses) {
    if (isWaiting(bus)) {
      waiting.push(bus);
      continue;
    }
    const at = placeOf(bus, indexOf);
    if (at === null) elsewhere.push(bus);
    else placed.push({ bus, at, plan: bus.plan_share === null ? null : kept(at - bus.plan_share) });
  }
  const missing = ghosts.flatMap((ghost) => {
    const at = placeOf(ghost, indexOf);
    return at === null ? [] : [{ ghost, at, plan: null }];
  });
  return {
    direction,
    buses: placed.sort((a, b) => b.at - a.at),
    ghosts: missing.sort((a, b) => b.at - a.at),
    waiting: waiting.sort((a, b) => a.start_s - b.start_s),
    elsewhere,
  };
}

export interface Bracket {
  readonly behind: BusOnRail;
  readonly ahead: BusOnRail;
  readonly headway_s: number;
  readonly plan_s: number;
  readonly spacing: Exclude<Spacing, "even">;
}

/** The spaces between buses that are too small or too wide. */
export function bracketsOf(rail: Rail): readonly Bracket[] {
  const byId = new Map(rail.buses.map((one) => [one.bus.id, one]));
  return rail.buses.flatMap((behind) => {
    const { ahead_id, headway_s, plan_headway_s } = behind.bus;
    const ahead = ahead_id === null ? undefined : byId.get(ahead_id);
    if (!ahead || headway_s === null || plan_headway_s === null || plan_headway_s <= 0) return [];
    const spacing = spacingOf(headway_s, plan_headway_s);
    return spacing === "even"
      ? []
      : [{ behind, ahead, headway_s, plan_s: plan_headway_s, spacing }];
  });
}

/**
 * Moves places apart so that none is nearer than `gap` to the next, as little as possible and within
 * `low` and `high` where they fit; the order stays. Labels of bunched buses stand under each other.
 */
export function spread(
  places: readonly number[],
  gap: number,
  low: number,
  high: number,
): readonly number[] {
  const order = places.map((_, index) => index).sort((a, b) => at(places, a) - at(places, b));
  // Neighbours that touch become one block around the mean of where its members would be.
  const blocks: { start: number; members: number[] }[] = [];
  const startOf = (members: readonly number[]): number => {
    const sum = members.reduce((all, index, rank) => all + at(places, index) - rank * gap, 0);
    const fits = high - (members.length - 1) * gap;
    return Math.max(low, Math.min(fits, sum / members.length));
  };
  for (const index of order) {
    let block = { start: startOf([index]), members: [index] };
    for (;;) {
      const before = blocks.at(-1);
      if (!before || before.start + before.members.length * gap <= block.start) break;
      blocks.pop();
      const members = [...before.members, ...block.members];
      block = { start: startOf(members), members };
    }
    blocks.push(block);
  }
  const moved = new Array<number>(places.length).fill(0);
  for (const { start, members } of blocks) {
    members.forEach((index, rank) => {
      moved[index] = start + rank * gap;
    });
  }
  return moved;
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}

/** Which stops get their names when a row is `row_px` high: the ends always, the rest evenly. */
export function namedStops(count: number, row_px: number, text_px: number): ReadonlySet<number> {
  const every = Math.max(1, Math.ceil(text_px / row_px));
  const named = new Set<number>([0, count - 1]);
  for (let index = every; index <= count - 1 - every; index += every) named.add(index);
  return named;
}
