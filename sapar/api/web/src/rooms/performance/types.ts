/** Answers of `/api/performance/…`; see docs/api.md. */

export interface Service {
  readonly day?: string;
  readonly route_id?: string;
  readonly hour?: number;
  readonly departures: number;
  readonly early: number;
  readonly late: number;
  readonly on_time_share: number | null;
  readonly headways: number;
  readonly bunched: number;
  readonly gaps: number;
  readonly regular_share: number | null;
  readonly wait_s: number | null;
  readonly planned_wait_s: number | null;
  readonly excess_wait_s: number | null;
  readonly planned?: number;
  readonly done?: number;
  readonly partly?: number;
  readonly extra?: number;
  readonly gps_off?: number;
  readonly planned_km?: number;
  readonly driven_km?: number;
  readonly run_share?: number | null;
  readonly coverage?: number | null;
}

export interface Answer<R> {
  readonly from: string;
  readonly to: string;
  readonly early_min: number;
  readonly late_min: number;
  readonly rows: readonly R[];
}

export interface RunTime {
  readonly direction: number;
  readonly hour: number;
  readonly runs: number;
  readonly planned_s: number;
  readonly p10_s: number;
  readonly p50_s: number;
  readonly p85_s: number;
  readonly p90_s: number;
}

export interface Speeds {
  readonly passages: number;
  readonly mean_kmh: number;
  readonly p15_kmh: number;
  readonly p50_kmh: number;
  readonly p85_kmh: number;
}

export interface Segment extends Speeds {
  readonly from_stop_id: string;
  readonly to_stop_id: string;
  readonly length_m: number;
  readonly before?: Speeds;
}

export interface Carrier {
  readonly carrier_id: string | null;
  readonly name: string | null;
  readonly planned: number;
  readonly done: number;
  readonly partly: number;
  readonly extra: number;
  readonly gps_off: number;
  readonly planned_km: number;
  readonly driven_km: number;
  readonly corrected: number;
  readonly run_share: number | null;
}

export interface Run {
  readonly trip_id: string;
  readonly start_s: number;
  readonly route_id: string;
  readonly direction: number | null;
  readonly block_id: string | null;
  readonly vehicle_ids: readonly string[];
  readonly status: "done" | "partly" | "not_done";
  readonly reasons: readonly string[];
  readonly scheduled_start_s: number;
  readonly scheduled_end_s: number;
  readonly first_stop_s: number | null;
  readonly last_stop_s: number | null;
  readonly stops_planned: number;
  readonly stops_visited: number;
  readonly planned_m: number;
  readonly driven_m: number;
  readonly gap_longest_s: number;
  readonly corrected_by: string | null;
  readonly correction: string | null;
}

export interface Runs {
  readonly rows: readonly Run[];
  readonly next_after: number | null;
}

export interface Forecast {
  readonly day?: string;
  readonly from_min: number;
  readonly until_min: number;
  readonly scored: number;
  readonly never_came: number;
  readonly accurate_share: number | null;
  readonly within_bounds_share: number | null;
  readonly coverage: number | null;
  readonly mae_s: number | null;
  readonly bias_s: number | null;
}
