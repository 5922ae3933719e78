import { describe, expect, it } from "vitest";
import type { Run } from "../../desk/types";
import { place } from "../../shell/query";
import * as state from "../../shell/state";
import { aboutWhat, dayTime } from "./about";
import { dayStart, whatOf } from "./dialog";
import { t } from "./messages";

const run: Run = {
  trip_id: "T1",
  service_date: "2026-03-10",
  direction: 0,
  headsign: "Bazar",
  block_id: "B1",
  first_s: 1_773_128_400,
  last_s: 1_773_130_000,
  start_s: null,
};
const draft = {
  route_id: "R1",
  run_key: "",
  run: null,
  stops: [],
  bus: "",
  start_s: null,
  whole_block: false,
};

describe("an act", () => {
  it("is whole only when it says what it is about", () => {
    expect(whatOf("cancel", draft)).toBeNull();
    expect(whatOf("skip", draft)).toBeNull();
    expect(whatOf("swap", { ...draft, run })).toBeNull();
    expect(whatOf("cancel", { ...draft, run })).toEqual({
      kind: "cancel",
      trip_id: "T1",
      service_date: "2026-03-10",
    });
    expect(whatOf("cancel", { ...draft, run: { ...run, start_s: 43_200 } })?.start_s).toBe(43_200);
  });

  it("closes stops for a run, a route or everybody", () => {
    const stops = ["a"];
    expect(whatOf("skip", { ...draft, stops })).toEqual({
      kind: "skip",
      stop_ids: stops,
      route_id: "R1",
    });
    expect(whatOf("skip", { ...draft, stops, route_id: "" })?.route_id).toBeUndefined();
    expect(whatOf("skip", { ...draft, stops, run })?.trip_id).toBe("T1");
  });

  it("gives a vehicle a run, or its whole block", () => {
    const swap = { ...draft, run, bus: " 7 " };
    expect(whatOf("swap", swap)).toMatchObject({ vehicle_id: "7", trip_id: "T1" });
    expect(whatOf("swap", { ...swap, whole_block: true })).toMatchObject({ block_id: "B1" });
  });

  it("starts an extra run at the clock's time of the run's own service day", () => {
    place.value = { ...place.value, agency: "town" };
    state.deployment.value = {
      default: "town",
      map_style_url: "",
      rate: 1,
      agencies: [{ agency_id: "town", name: "Town", timezone: "Asia/Almaty", has_timetable: true }],
    };
    const at = (day: string, clock: string): number => Date.parse(`${day}T${clock}Z`) / 1000;
    // 14:00 in Almaty, UTC+5
    expect(dayStart(run, at("2026-03-10", "09:00:00"))).toBe(14 * 3600);
    // after midnight it is still the day before's service
    expect(dayStart(run, at("2026-03-10", "20:30:00"))).toBe(25.5 * 3600);
    // the night in which the clocks went back from UTC+6 to UTC+5
    const night = { ...run, service_date: "2024-02-29" };
    expect(dayStart(night, at("2024-02-29", "17:00:00"))).toBe(23 * 3600);
    expect(dayStart(night, at("2024-02-29", "20:30:00"))).toBe(26.5 * 3600);
    const extra = whatOf("extra", { ...draft, run, start_s: at("2026-03-10", "09:00:00") });
    expect(extra).toMatchObject({ kind: "extra", copy_of: "T1", start_s: 50_400 });
  });

  it("has words", () => {
    expect(dayTime(25.5 * 3600)).toBe("01:30");
    expect(aboutWhat({ kind: "detour", route_id: "R1" })).toBe(t("what_detour", { route: "R1" }));
  });
});
