/** Devices as the server tells of them, and which of them are looked at. */

export interface Device {
  readonly device_id: string;
  readonly kind: "tracker" | "validator";
  readonly vehicle_id: string | null;
  readonly state: "heard" | "silent" | "never";
  readonly age_s: number | null;
  readonly backlog: number | null;
  readonly firmware: string | null;
  readonly battery_v: number | null;
  readonly clock_s: number | null;
  readonly gaps: number;
  readonly missing: number;
  readonly refused: number;
  readonly refused_codes: readonly string[];
  readonly suspect: boolean;
}

export const filters = ["all", "suspects", "silent", "never", "refusing"] as const;
export type Filter = (typeof filters)[number];
const kept: Readonly<Record<Filter, (device: Device) => boolean>> = {
  all: () => true,
  suspects: (device) => device.suspect,
  silent: (device) => device.state === "silent",
  never: (device) => device.state === "never",
  refusing: (device) => device.refused > 0,
};

/** The devices that a filter leaves. */
export function filtered(devices: readonly Device[], filter: Filter): readonly Device[] {
  return devices.filter(kept[filter]);
}
