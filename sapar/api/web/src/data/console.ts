/** The console's body of a tick: runs on their lines, ghosts, alarms, headways; see docs/api.md. */

export interface PlacedBus {
  readonly id: string;
  readonly route_id: string;
  readonly direction: number | null;
  readonly trip_id: string;
  readonly block_id: string | null;
  /** Start of the run by the timetable, Unix seconds. */
  readonly start_s: number;
  readonly prev_stop_id: string | null;
  readonly next_stop_id: string;
  /** Of the way between the two stops, 0 to 1. */
  readonly share: number;
  /** How many stops it is ahead of (negative: behind) where the timetable has it now. */
  readonly plan_share: number | null;
  readonly ahead_id: string | null;
  readonly headway_s: number | null;
  readonly plan_headway_s: number | null;
  /** How long it is advised to be held. */
  readonly hold_s: number | null;
}

export const ghostReasons = [
  "no_vehicle",
  "not_signed_on",
  "silent",
  "depot",
  "cancelled",
] as const;
export type GhostReason = (typeof ghostReasons)[number];

export interface Ghost {
  readonly trip_id: string;
  readonly route_id: string;
  readonly direction: number | null;
  readonly start_s: number;
  readonly block_id: string | null;
  readonly headsign: string | null;
  readonly reason: GhostReason;
  /** Who should drive it, or was last on it. */
  readonly vehicle_id: string | null;
  readonly prev_stop_id: string | null;
  readonly next_stop_id: string;
  readonly share: number;
  readonly since_s: number;
}

export const alarmKinds = [
  "panic",
  "gps_off",
  "no_vehicle",
  "off_route",
  "silent",
  "gap",
  "bunched",
  "late",
  "early",
  "wrong_sign_on",
  "not_signed_on",
  "speeding",
] as const;
export type AlarmKind = (typeof alarmKinds)[number];
export type Priority = 1 | 2 | 3;

export interface Alarm {
  readonly key: string;
  readonly kind: AlarmKind;
  readonly priority: Priority;
  readonly since_s: number;
  readonly vehicle_id: string | null;
  readonly route_id: string | null;
  readonly trip_id: string | null;
  readonly stop_id: string | null;
  readonly values: Readonly<Record<string, string | number | null>>;
}

export interface Advice {
  readonly kind: "hold" | "turn_back";
  readonly vehicle_id: string;
  readonly stop_id: string | null;
  readonly seconds: number | null;
  /** Expected gain: seconds of waiting saved for the average rider. */
  readonly gain_s: number;
}

export interface RouteState {
  readonly route_id: string;
  readonly direction: number | null;
  readonly planned: number;
  readonly running: number;
  readonly bunched: number;
  readonly gaps: number;
  readonly plan_headway_s: number | null;
  /** Share of headways within half to one and a half of plan. */
  readonly regularity: number | null;
  readonly excess_wait_s: number | null;
  readonly advice: readonly Advice[];
}

export interface Console {
  readonly time_s: number;
  readonly buses: readonly PlacedBus[];
  readonly ghosts: readonly Ghost[];
  readonly alarms: readonly Alarm[];
  readonly routes: readonly RouteState[];
}

export const emptyConsole: Console = { time_s: 0, buses: [], ghosts: [], alarms: [], routes: [] };

/** Lists of the desk that the stream says have changed. */
export const deskLists = ["alarms", "acts", "alerts", "messages", "reports", "emergency"] as const;
export type DeskList = (typeof deskLists)[number];
