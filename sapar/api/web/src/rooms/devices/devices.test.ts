import { expect, test } from "vitest";
import { type Device, filtered } from "./filter";

const one: Device = {
  device_id: "T1",
  kind: "tracker",
  vehicle_id: "207",
  state: "heard",
  age_s: 4,
  backlog: 0,
  firmware: null,
  battery_v: null,
  clock_s: 0.2,
  gaps: 0,
  missing: 0,
  refused: 0,
  refused_codes: [],
  suspect: false,
};
const all: readonly Device[] = [
  one,
  { ...one, device_id: "T2", state: "silent", age_s: 4000, suspect: true },
  { ...one, device_id: "V1", kind: "validator", state: "never", age_s: null },
  { ...one, device_id: "V2", kind: "validator", refused: 17, refused_codes: ["bad_time"] },
];

test("each filter leaves the devices that it names", () => {
  const ids = (filter: Parameters<typeof filtered>[1]) =>
    filtered(all, filter).map((device) => device.device_id);
  expect(ids("all")).toHaveLength(4);
  expect(ids("suspects")).toEqual(["T2"]);
  expect(ids("silent")).toEqual(["T2"]);
  expect(ids("never")).toEqual(["V1"]);
  expect(ids("refusing")).toEqual(["V2"]);
});
