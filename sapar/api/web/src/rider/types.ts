/** What the API answers; docs/api.md describes every member. Times are Unix seconds of the city. */

export interface Route {
  readonly route_id: string;
  readonly short_name: string;
  readonly long_name: string;
  readonly color: string;
  readonly text_color: string;
}

export type State = "live" | "passed" | "no_signal" | "cancelled" | "skipped" | "scheduled";
export type Wheelchair = "possible" | "not_possible" | "unknown";
export type Translated = Readonly<Record<string, string>>;

export interface Call {
  readonly state: State;
  readonly trip_id: string;
  readonly start_date: string;
  readonly start_time: string;
  readonly route_id: string | null;
  readonly headsign: string;
  readonly last_stop: boolean;
  readonly scheduled_arrival_s: number | null;
  readonly scheduled_departure_s: number | null;
  readonly headway_s: number | null;
  readonly arrival_s: number | null;
  readonly departure_s: number | null;
  readonly earliest_s: number | null;
  readonly latest_s: number | null;
  readonly delay_s: number | null;
  readonly passed_s: number | null;
  readonly no_signal_since_s: number | null;
  readonly stops_away: number | null;
  readonly vehicle: { readonly vehicle_id: string; readonly time_s: number } | null;
  readonly occupancy: string | null;
  readonly wheelchair: Wheelchair;
  readonly added: boolean;
  readonly detour: boolean;
  readonly alert_ids: readonly string[];
}

export interface Alert {
  readonly alert_id: string;
  readonly effect: string;
  readonly header: Translated;
  readonly description: Translated;
  readonly periods: readonly (readonly [number | null, number | null])[];
  readonly route_ids: readonly string[];
  readonly stop_ids: readonly string[];
}

/** An alert with the names of what it is about. */
export interface NamedAlert extends Alert {
  readonly routes: readonly Route[];
  readonly stops: readonly { readonly id: string; readonly name: string }[];
  readonly over: boolean;
  readonly ended_s?: number | null;
}

export interface Board {
  readonly time_s: number;
  readonly live: boolean;
  readonly stop: {
    readonly stop_id: string;
    readonly name: string;
    readonly code: string;
    readonly lat: number;
    readonly lon: number;
    readonly wheelchair: Wheelchair;
  };
  readonly routes: readonly Route[];
  readonly arrivals: readonly Call[];
  readonly alerts: readonly Alert[];
}

export interface Stop {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly lat: number;
  readonly lon: number;
  readonly towards: string;
  readonly wheelchair: Wheelchair;
  readonly routes: readonly Route[];
  readonly distance_m: number | null;
}

export interface Line {
  readonly trip_id: string;
  readonly headsign: string;
  readonly route: Route;
  readonly line: readonly (readonly [number, number])[];
  readonly stops: readonly {
    readonly id: string;
    readonly name: string;
    readonly lat: number;
    readonly lon: number;
  }[];
}

export interface Ride {
  readonly time_s: number;
  readonly bus: {
    readonly id: string;
    readonly lat: number;
    readonly lon: number;
    readonly bearing: number | null;
    readonly time_s: number;
    readonly stale: boolean;
    readonly on_this_trip: boolean;
    readonly occupancy: string | null;
  } | null;
  readonly calls: readonly {
    readonly stop_id: string;
    readonly arrival_s: number;
    readonly earliest_s: number | null;
    readonly latest_s: number | null;
  }[];
}

export interface FollowedReport {
  readonly report_no: number;
  readonly kind: string;
  readonly body: string;
  readonly state: "new" | "taken" | "answered" | "closed";
  readonly filed_s: number;
  readonly answer: string | null;
  readonly answered_s: number | null;
}

export interface Balance {
  readonly status: string;
  readonly blocked_for: string | null;
  readonly balance_tiyn: number;
  readonly pending_tiyn: number;
  readonly pending_until_ms: number | null;
  readonly passes: readonly (readonly [string, number, number])[];
  readonly moves: readonly {
    readonly at_ms: number;
    readonly kind: string;
    readonly amount_tiyn: number;
    readonly balance_tiyn: number;
    readonly route_id: string | null;
    readonly vehicle_id: string | null;
    readonly counted: boolean;
  }[];
}
