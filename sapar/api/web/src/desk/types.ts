/** What the addresses of the desk take and give; see docs/api.md. */

export type ActKind = "cancel" | "skip" | "extra" | "swap" | "detour";
export type Tongue = "kk" | "ru" | "en";
export const tongues: readonly Tongue[] = ["kk", "ru", "en"];
export type Texts = Readonly<Partial<Record<Tongue, string>>>;
export type Point = readonly [lat: number, lon: number];

/** The content of an act; which members there are depends on its kind (docs/dispatch-acts.md). */
export interface What {
  readonly kind: ActKind;
  readonly trip_id?: string;
  readonly service_date?: string;
  readonly start_s?: number;
  readonly stop_ids?: readonly string[];
  readonly route_id?: string;
  readonly copy_of?: string;
  readonly headsign?: string;
  readonly vehicle_id?: string;
  readonly block_id?: string;
  readonly path?: readonly Point[];
  readonly direction?: 0 | 1;
  readonly replacement_stop_ids?: readonly string[];
}

export interface ActRow {
  readonly act_id: string;
  readonly kind: ActKind;
  readonly what: What;
  readonly from_s: number | null;
  readonly until_s: number | null;
  readonly cause: string;
  readonly author: string;
  readonly reason: string;
  readonly created_s: number;
  readonly ended_s: number | null;
  readonly ended_by: string | null;
  /** Route and start of the run that it is about, where it is about one. */
  readonly run_route_id: string | null;
  readonly run_start_s: number | null;
  readonly state: "standing" | "coming" | "ending" | "over" | "undone";
}

export interface ActList {
  readonly time_s: number;
  readonly acts: readonly ActRow[];
}

export interface Informed {
  readonly route_id?: string;
  readonly stop_id?: string;
  readonly trip_id?: string;
}

export interface AlertContent {
  readonly header: Texts;
  readonly description: Texts;
  readonly url: Texts;
  readonly cause: string;
  readonly effect: string;
  readonly from_s: number | null;
  readonly until_s: number | null;
  readonly informed: readonly Informed[];
}

export interface RunRow {
  readonly trip_id: string;
  readonly service_date: string;
  readonly start_s: number;
  readonly route_id: string;
  readonly headsign: string;
}

export interface LedLine {
  readonly direction: 0 | 1 | null;
  readonly headsign: string;
  readonly leave_stop_id: string | null;
  readonly join_stop_id: string | null;
  readonly missed: readonly string[];
  readonly replaced_m: number;
  readonly path_m: number;
  readonly replaced: readonly Point[];
}

export interface Neighbour {
  readonly route_id: string;
  readonly shared_m: number;
  readonly fits: boolean;
  readonly missed: readonly string[];
}

export interface Preview {
  readonly runs: readonly RunRow[];
  readonly runs_total: number;
  readonly route_ids: readonly string[];
  readonly stop_ids: readonly string[];
  readonly lines: readonly LedLine[];
  readonly neighbours: readonly Neighbour[];
  readonly alert: AlertContent | null;
  readonly alert_published: boolean;
  readonly warnings: readonly {
    readonly code: string;
    readonly values: Readonly<Record<string, string | number>>;
  }[];
}

/** A run to choose from. */
export interface Run {
  readonly trip_id: string;
  readonly service_date: string;
  readonly direction: 0 | 1 | null;
  readonly headsign: string;
  readonly block_id: string | null;
  readonly first_s: number | null;
  readonly last_s: number | null;
  /** Name of the start, for headway service with exact times. */
  readonly start_s: number | null;
}

export interface Boardings {
  readonly from_s: number;
  readonly until_s: number;
  readonly visits: number;
  readonly people: number;
}

export const causes = [
  "CONSTRUCTION",
  "ACCIDENT",
  "TECHNICAL_PROBLEM",
  "WEATHER",
  "DEMONSTRATION",
  "HOLIDAY",
  "MAINTENANCE",
  "POLICE_ACTIVITY",
  "MEDICAL_EMERGENCY",
  "STRIKE",
  "OTHER_CAUSE",
] as const;
export type Cause = (typeof causes)[number];

export type Target =
  | { readonly kind: "vehicles"; readonly vehicle_ids: readonly string[] }
  | { readonly kind: "route"; readonly route_id: string }
  | { readonly kind: "all" };
