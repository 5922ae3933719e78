/**
 * The past, minute by minute: what the server stored, and from it the fleet and the places on the
 * lines at any moment. Pure. Positions are stored fixes and nothing else; trips and places on lines
 * follow from the stop visits, and are as it was also where positions are as known.
 */
import {
  type Alarm,
  type AlarmKind,
  alarmKinds,
  type Console,
  type PlacedBus,
  type RouteState,
} from "../data/console";
import type { Fleet, Phase, Vehicle } from "../data/types";

export const minute_s = 60;

interface FixColumns {
  readonly vehicle: readonly number[];
  readonly time_ms: readonly number[];
  readonly at_ms: readonly number[];
  readonly lat_e6: readonly number[];
  readonly lon_e6: readonly number[];
  readonly bearing: readonly (number | null)[];
  readonly speed_dmps: readonly (number | null)[];
}

/** `/api/replay/minute.json`: times are milliseconds after `from_s`. */
export interface Minute {
  readonly from_s: number;
  readonly until_s: number;
  readonly complete: boolean;
  readonly vehicles: readonly string[];
  readonly start: FixColumns;
  readonly fixes: FixColumns;
  readonly stops: readonly string[];
  readonly runs: {
    readonly vehicle: readonly number[];
    readonly trip_id: readonly string[];
    readonly route_id: readonly string[];
    readonly direction: readonly (number | null)[];
    readonly headsign: readonly (string | null)[];
    readonly start_s: readonly number[];
  };
  readonly visits: {
    readonly run: readonly number[];
    readonly stop: readonly number[];
    readonly arrival_ms: readonly (number | null)[];
    readonly departure_ms: readonly (number | null)[];
    readonly delay_s: readonly number[];
  };
}

export interface Mark {
  readonly raised_s: number;
  readonly cleared_s: number | null;
  readonly kind: string;
  readonly priority: 1 | 2 | 3;
  readonly vehicle_id: string | null;
  readonly route_id: string | null;
}

interface Fix {
  readonly time_ms: number;
  readonly at_ms: number;
  readonly row: number;
  readonly of: FixColumns;
}

interface Visit {
  readonly run: number;
  readonly stop: string;
  readonly from_ms: number;
  readonly until_ms: number;
  readonly delay_s: number;
}

/** A bus of whom nothing was heard for so long has left the picture. */
const forgotten_ms = 1_800_000;
const silent_ms = 90_000;
/** Before its first stop and behind its last one a bus belongs to its run for so long. */
const waiting_ms = 900_000;
const finished_ms = 300_000;

export class PastMinute {
  readonly from_s: number;
  readonly complete: boolean;
  readonly #minute: Minute;
  readonly #fixes: Fix[][];
  readonly #visits: Visit[][];

  constructor(minute: Minute) {
    this.from_s = minute.from_s;
    this.complete = minute.complete;
    this.#minute = minute;
    this.#fixes = minute.vehicles.map(() => []);
    this.#visits = minute.vehicles.map(() => []);
    for (const columns of [minute.start, minute.fixes]) {
      columns.vehicle.forEach((vehicle, row) => {
        const [time_ms, at_ms] = [columns.time_ms[row] ?? 0, columns.at_ms[row] ?? 0];
        this.#fixes[vehicle]?.push({ time_ms, at_ms, row, of: columns });
      });
    }
    const { visits, runs } = minute;
    visits.run.forEach((run, row) => {
      const arrival = visits.arrival_ms[row] ?? null;
      const departure = visits.departure_ms[row] ?? null;
      const from_ms = arrival ?? departure ?? 0;
      this.#visits[runs.vehicle[run] ?? 0]?.push({
        run,
        stop: minute.stops[visits.stop[row] ?? 0] ?? "",
        from_ms,
        until_ms: departure ?? from_ms,
        delay_s: visits.delay_s[row] ?? 0,
      });
    });
  }

  /** The fleet at a moment of this minute, in Unix seconds. */
  fleetAt(at_s: number): Fleet {
    const now_ms = (at_s - this.from_s) * 1000;
    const vehicles: Vehicle[] = [];
    this.#minute.vehicles.forEach((id, number) => {
      const fix = newest(this.#fixes[number] ?? [], now_ms);
      if (fix && now_ms - fix.time_ms < forgotten_ms) {
        vehicles.push(this.#vehicle(id, fix, this.#placeOf(number, now_ms), now_ms));
      }
    });
    return { time_s: at_s, heard: vehicles.length, expected: null, vehicles };
  }

  /** Who is where on the lines at a moment, and the alarms that stood. */
  consoleAt(at_s: number, marks: readonly Mark[]): Console {
    const now_ms = (at_s - this.from_s) * 1000;
    const buses: PlacedBus[] = [];
    this.#minute.vehicles.forEach((id, number) => {
      const place = this.#placeOf(number, now_ms);
      if (place?.next) buses.push(this.#placed(id, place.before, place.next, now_ms));
    });
    const alarms = marks.filter(
      ({ raised_s, cleared_s }) => raised_s <= at_s && (cleared_s === null || cleared_s > at_s),
    );
    const routes = routesOf(buses);
    return { time_s: at_s, buses, ghosts: [], alarms: alarms.map(alarmOf), routes };
  }

  #placeOf(number: number, now_ms: number): { before: Visit | null; next: Visit | null } | null {
    const visits = this.#visits[number] ?? [];
    let at = -1;
    while (at + 1 < visits.length && (visits[at + 1]?.from_ms ?? 0) <= now_ms) at += 1;
    const before = visits[at] ?? null;
    const next = visits[at + 1] ?? null;
    if (before && next && before.run === next.run) return { before, next };
    if (next && next.from_ms - now_ms < waiting_ms) return { before: null, next };
    if (before && now_ms - before.until_ms < finished_ms) return { before, next: null };
    return null;
  }

  #vehicle(
    id: string,
    fix: Fix,
    place: { before: Visit | null; next: Visit | null } | null,
    now_ms: number,
  ): Vehicle {
    const { of, row } = fix;
    const { runs } = this.#minute;
    const visit = place?.next ?? place?.before ?? null;
    const driving = place?.before != null && place.next !== null;
    const speed = of.speed_dmps[row] ?? null;
    const silent = now_ms - fix.time_ms > silent_ms;
    const delay_s = place?.before?.delay_s ?? null;
    return {
      id,
      label: id,
      lat: (of.lat_e6[row] ?? 0) / 1e6,
      lon: (of.lon_e6[row] ?? 0) / 1e6,
      bearing: of.bearing[row] ?? null,
      speed_mps: speed === null ? null : speed / 10,
      time_s: this.from_s + fix.time_ms / 1000,
      phase: phaseOf(silent, driving, visit !== null, speed),
      route_id: visit ? (runs.route_id[visit.run] ?? null) : null,
      trip_id: visit ? (runs.trip_id[visit.run] ?? null) : null,
      headsign: visit ? (runs.headsign[visit.run] ?? null) : null,
      delay_s: driving ? delay_s : null,
      confidence: visit ? 1 : null,
      stale: silent,
      next_stop_id: place?.next?.stop ?? null,
      next_stop_time_s: null,
      reason: null,
    };
  }

  #placed(id: string, before: Visit | null, next: Visit, now_ms: number): PlacedBus {
    const { runs } = this.#minute;
    const length_ms = before ? next.from_ms - before.until_ms : 0;
    const share = before && length_ms > 0 ? (now_ms - before.until_ms) / length_ms : 0;
    return {
      id,
      route_id: runs.route_id[next.run] ?? "",
      direction: runs.direction[next.run] ?? null,
      trip_id: runs.trip_id[next.run] ?? "",
      block_id: null,
      start_s: runs.start_s[next.run] ?? 0,
      prev_stop_id: before?.stop ?? null,
      next_stop_id: next.stop,
      share: Math.min(1, Math.max(0, share)),
      plan_share: null,
      ahead_id: null,
      headway_s: null,
      plan_headway_s: null,
      hold_s: null,
    };
  }
}

/** How many buses were on each line; what else is told of lines is not known of the past. */
function routesOf(buses: readonly PlacedBus[]): readonly RouteState[] {
  const found = new Map<string, RouteState>();
  for (const { route_id, direction } of buses) {
    const key = `${route_id} ${direction}`;
    const n = (found.get(key)?.running ?? 0) + 1;
    found.set(key, {
      route_id,
      direction,
      planned: n,
      running: n,
      bunched: 0,
      gaps: 0,
      plan_headway_s: null,
      regularity: null,
      excess_wait_s: null,
      advice: [],
    });
  }
  return [...found.values()];
}

/** The newest fix by its own time among those that count at a moment. */
function newest(fixes: readonly Fix[], now_ms: number): Fix | null {
  let found: Fix | null = null;
  for (const fix of fixes) {
    if (fix.at_ms <= now_ms && (found === null || fix.time_ms >= found.time_ms)) found = fix;
  }
  return found;
}

function phaseOf(silent: boolean, driving: boolean, onRun: boolean, speed: number | null): Phase {
  if (silent) return "no_signal";
  if (driving) return "in_progress";
  if (onRun) return "layover";
  return (speed ?? 0) > 10 ? "deadhead" : "out_of_service";
}

function alarmOf(mark: Mark): Alarm {
  const kind = alarmKinds.find((one) => one === mark.kind) ?? ("silent" as AlarmKind);
  return {
    key: `${mark.kind}:${mark.vehicle_id ?? mark.route_id ?? ""}:${mark.raised_s}`,
    kind,
    priority: mark.priority,
    since_s: mark.raised_s,
    vehicle_id: mark.vehicle_id,
    route_id: mark.route_id,
    trip_id: null,
    stop_id: null,
    values: {},
  };
}

/** The first second of the minute that holds a moment. */
export function minuteOf(at_s: number): number {
  return Math.floor(at_s / minute_s) * minute_s;
}

/** The minutes to have at hand: the one that is shown, then those ahead, more of them the faster. */
export function minutesAhead(at_s: number, speed: number, playing: boolean): readonly number[] {
  const count = playing ? 2 + Math.ceil(speed / 12) : 2;
  const first = minuteOf(at_s);
  return Array.from({ length: count }, (_, n) => first + n * minute_s);
}
