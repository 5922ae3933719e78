/** What the server sends; see docs/api.md. Units are the last part of each name. */

/** What a vehicle is doing, in the order in which the page lists the states: at work, then not. */
export const phases = [
  "in_progress",
  "layover",
  "deadhead",
  "detour",
  "off_route",
  "no_signal",
  "depot",
  "out_of_service",
] as const;
export type Phase = (typeof phases)[number];

export interface Vehicle {
  readonly id: string;
  readonly label: string | null;
  readonly lat: number;
  readonly lon: number;
  readonly bearing: number | null;
  readonly speed_mps: number | null;
  /** City's time of the fix. */
  readonly time_s: number;
  readonly phase: Phase;
  readonly route_id: string | null;
  readonly trip_id: string | null;
  readonly headsign: string | null;
  readonly delay_s: number | null;
  /** Of the trip that it is on, 0 to 1. */
  readonly confidence: number | null;
  readonly stale: boolean;
  readonly next_stop_id: string | null;
  /** City's time at which passengers are told to expect it there; from a first stop, to leave. */
  readonly next_stop_time_s: number | null;
  /** Why it is on this trip, or on none, in English ... */
  readonly reason: string | null;
  /** ... and as a code with values, for any language. */
  readonly reason_code?: string;
  readonly reason_values?: Readonly<Record<string, string | number>>;
  /** Passengers counted on board, of those that it takes, in percent. */
  readonly load_percent?: number | null;
  readonly driver_id?: string | null;
  /** Where it is at home, as the fleet's register names it. */
  readonly depot?: string | null;
}

export interface Fleet {
  /** City's time of the state, Unix seconds. */
  readonly time_s: number;
  readonly heard: number;
  /** Null where it is not known: in a replay. */
  readonly expected: number | null;
  readonly vehicles: readonly Vehicle[];
}

export interface AgencyInfo {
  readonly agency_id: string;
  readonly name: string;
  readonly timezone: string;
  readonly has_timetable: boolean;
}

export interface Deployment {
  readonly default: string;
  readonly map_style_url: string;
  /** Seconds of the city's time a wall second; not 1 in replays. */
  readonly rate: number;
  readonly agencies: readonly AgencyInfo[];
}

export interface Route {
  readonly id: string;
  readonly name: string;
  readonly long_name: string;
  /** Hex without "#", or "". */
  readonly color: string;
  readonly text_color: string;
  readonly lines: readonly (readonly [number, number][])[];
}

export interface Stop {
  readonly id: string;
  readonly name: string;
  readonly lon: number;
  readonly lat: number;
  readonly routes: readonly string[];
}

export interface Network {
  readonly routes: readonly Route[];
  readonly stops: readonly Stop[];
  readonly routeById: ReadonlyMap<string, Route>;
  readonly stopById: ReadonlyMap<string, Stop>;
  /** West, south, east, north; null when there is nothing to draw. */
  readonly box: readonly [number, number, number, number] | null;
}
