/** A report as the desk's addresses give it; docs/rider.md describes the members. */
import type { Language } from "./templates";

export interface Promise_ {
  readonly state: string;
  readonly trip_id: string;
  readonly headsign: string;
  readonly earliest_s: number | null;
  readonly latest_s: number | null;
  readonly arrival_s: number | null;
  readonly scheduled_departure_s: number | null;
  readonly no_signal_since_s: number | null;
}

export interface Evidence {
  readonly time_s?: number;
  readonly stop_name?: string;
  readonly route_name?: string;
  readonly headsign?: string;
  readonly board?: readonly Promise_[];
  readonly bus?: {
    readonly time_s: number;
    readonly phase: string;
    readonly trip_id: string | null;
    readonly on_this_trip: boolean;
  } | null;
  readonly shown?: { readonly state?: string; readonly low_s?: string; readonly high_s?: string };
}

export interface Report {
  readonly report_no: number;
  readonly source: "page" | "onebusaway";
  readonly kind: string;
  readonly body: string;
  readonly language: Language;
  readonly happened_s: number;
  readonly filed_s: number;
  readonly stop_id: string | null;
  readonly route_id: string | null;
  readonly trip_id: string | null;
  readonly vehicle_id: string | null;
  readonly evidence: Evidence;
  readonly contact: string | null;
  readonly has_contact: boolean;
  readonly contact_until_s: number | null;
  readonly state: "new" | "taken" | "answered" | "closed";
  readonly taken_by: string | null;
  readonly answer: string | null;
  readonly answered_by: string | null;
  readonly answered_s: number | null;
}

export interface Queue {
  readonly time_s: number;
  readonly reports: readonly Report[];
}

export const kinds = [
  "never_came",
  "came_early",
  "came_late",
  "did_not_stop",
  "wrong_sign",
  "full",
  "no_ramp",
  "driver",
  "driving",
  "condition",
  "fare",
  "stop_name",
  "stop_number",
  "stop_place",
  "stop_state",
  "missing_route",
  "other",
] as const;
