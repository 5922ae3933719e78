/** Runs as lines of time and place: what is drawn, and what is not. Pure. */

export interface LineStop {
  readonly stop_id: string;
  readonly name: string;
  /** Of the way, 0 to 1. */
  readonly along: number;
}

export interface Drive {
  readonly vehicle_id: string;
  readonly stops: readonly number[];
  readonly arrival_s: readonly (number | null)[];
  readonly departure_s: readonly (number | null)[];
  /** False: between two fixes far apart, a guess. */
  readonly seen: readonly boolean[];
}

export interface Run {
  readonly trip_id: string;
  readonly start_s: number;
  readonly headsign: string;
  readonly block_id: string | null;
  /** False: driven, but not in the timetable. */
  readonly planned: boolean;
  readonly stops: readonly number[];
  readonly arrival_s: readonly number[];
  readonly departure_s: readonly number[];
  readonly drives: readonly Drive[];
}

export interface Expected {
  readonly trip_id: string;
  readonly start_s: number;
  readonly vehicle_id: string | null;
  readonly stops: readonly number[];
  readonly arrival_s: readonly number[];
  readonly departure_s: readonly number[];
}

/** `/api/stringline.json`; times in seconds after the start of the service day. */
export interface Day {
  readonly route_id: string;
  readonly direction: number | null;
  readonly directions: readonly { readonly direction: number | null; readonly headsign: string }[];
  readonly date: string;
  /** Unix seconds. */
  readonly day_start_s: number;
  readonly now_s: number;
  readonly stops: readonly LineStop[];
  readonly runs: readonly Run[];
  readonly expected: readonly Expected[];
}

export interface Point {
  readonly at_s: number;
  readonly along: number;
  /** Seconds behind the timetable there; null when it is not known. */
  readonly delay_s: number | null;
}

type Line = readonly Point[];

/** The planned line: to each stop, and away from it when the plan lets the bus wait there. */
export function planLine(run: Run, stops: readonly LineStop[]): Line {
  return run.stops.flatMap((stop, n) => {
    const along = stops[stop]?.along ?? 0;
    const arrival = run.arrival_s[n] ?? 0;
    const departure = run.departure_s[n] ?? arrival;
    const here = { at_s: arrival, along, delay_s: null };
    return departure > arrival ? [here, { at_s: departure, along, delay_s: null }] : [here];
  });
}

/**
 * The driven lines of a bus on a run. Where it was not seen at a stop, or only guessed to have been
 * there, the line ends and begins anew behind it: a hole in data is a hole.
 */
export function driveLines(drive: Drive, run: Run, stops: readonly LineStop[]): readonly Line[] {
  const lines: Point[][] = [];
  let line: Point[] = [];
  let last: number | null = null;
  drive.stops.forEach((stop, n) => {
    const along = stops[stop]?.along ?? 0;
    const arrival = drive.arrival_s[n] ?? null;
    const departure = drive.departure_s[n] ?? null;
    const follows = last !== null && nextOf(run, last) === stop;
    if (!(drive.seen[n] ?? true) || (last !== null && !follows)) {
      lines.push(line);
      line = [];
    }
    last = stop;
    if (!(drive.seen[n] ?? true)) return;
    const times = [arrival, departure].filter((time) => time !== null);
    for (const at_s of new Set(times)) {
      line.push({ at_s, along, delay_s: delayAt(run, stop, arrival, departure) });
    }
  });
  lines.push(line);
  return lines.filter((one) => one.length > 0);
}

/** The stop of the axis that a run comes to after another; the next one for a run without a plan. */
function nextOf(run: Run, stop: number): number {
  const at = run.stops.indexOf(stop);
  return at < 0 ? stop + 1 : (run.stops[at + 1] ?? stop + 1);
}

function delayAt(
  run: Run,
  stop: number,
  arrival: number | null,
  departure: number | null,
): number | null {
  const at = run.stops.indexOf(stop);
  if (at < 0) return null;
  if (departure !== null) return departure - (run.departure_s[at] ?? departure);
  return arrival === null ? null : arrival - (run.arrival_s[at] ?? arrival);
}

/** The expected line, from where the bus was last to the end of its run. */
export function expectedLine(one: Expected, stops: readonly LineStop[], from: Point | null): Line {
  const points = one.stops.flatMap((stop, n) => {
    const along = stops[stop]?.along ?? 0;
    const arrival = one.arrival_s[n] ?? 0;
    const departure = Math.max(arrival, one.departure_s[n] ?? arrival);
    const here = { at_s: arrival, along, delay_s: null };
    return departure > arrival ? [here, { at_s: departure, along, delay_s: null }] : [here];
  });
  const first = points[0];
  return from && first && first.at_s >= from.at_s ? [from, ...points] : points;
}

export type RunState = "driven" | "under_way" | "to_come" | "missing" | "extra";

/** What became of a run by `now_s`; two minutes of grace before a run counts as missing. */
export function stateOf(run: Run, now_s: number, expected: boolean): RunState {
  const last = run.arrival_s[run.arrival_s.length - 1] ?? run.start_s;
  if (!run.planned) return "extra";
  if (run.drives.length > 0) return last + 1800 < now_s || isOver(run) ? "driven" : "under_way";
  if ((run.departure_s[0] ?? run.start_s) + 120 > now_s) return "to_come";
  return expected ? "to_come" : "missing";
}

function isOver(run: Run): boolean {
  const end = run.stops[run.stops.length - 1];
  return run.drives.some((drive) => drive.stops[drive.stops.length - 1] === end);
}

/** The day as it stood at a moment: what had not happened yet is left out, and so is what is expected now. */
export function asOf(day: Day, now_s: number): Day {
  const happened = (time: number | null): time is number => time !== null && time <= now_s;
  const cut = (drive: Drive): Drive => {
    const kept = drive.stops
      .map((_, n) => n)
      .filter(
        (n) => happened(drive.arrival_s[n] ?? null) || happened(drive.departure_s[n] ?? null),
      );
    const pick = <T>(values: readonly T[]): T[] => kept.map((n) => values[n] as T);
    return {
      vehicle_id: drive.vehicle_id,
      stops: pick(drive.stops),
      arrival_s: pick(drive.arrival_s),
      departure_s: pick(drive.departure_s).map((time) => (happened(time) ? time : null)),
      seen: pick(drive.seen),
    };
  };
  const runs = day.runs.map((run) => ({
    ...run,
    drives: run.drives.map(cut).filter(({ stops }) => stops.length > 0),
  }));
  const known = runs.filter(({ planned, drives }) => planned || drives.length > 0);
  return { ...day, runs: known, expected: [] };
}

/** Between which times the day's runs lie, with a margin. */
export function spanOf(day: Day): readonly [number, number] {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const run of day.runs) {
    from = Math.min(from, run.start_s);
    to = Math.max(to, run.arrival_s[run.arrival_s.length - 1] ?? run.start_s);
  }
  return from < to ? [from - 900, to + 1800] : [5 * 3600, 24 * 3600];
}
