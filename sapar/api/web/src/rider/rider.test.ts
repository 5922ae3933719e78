import { describe, expect, it } from "vitest";
import { iconPng, iconSvg } from "../../rider-icons";
import { format, namesIn } from "../i18n/format";
import { viewOf } from "./address";
import { languages } from "./boot";
import { codeText, makeCode } from "./outbox";
import { clockText, sumText, tell, waitText } from "./say";
import {
  cityNow,
  delayOf,
  isNear,
  isShown,
  runOf,
  segmentsOf,
  waitOf,
  withoutRepeats,
} from "./times";
import type { Call } from "./types";
import { around, boxOf, flat, moved, zoomed } from "./views/drawing";
import { messageOf, type Watch } from "./watch";
import { all, language } from "./words";
import { en, type Key } from "./words/en";

const now_s = 1_795_000_000;

function call(changed: Partial<Call> = {}): Call {
  return {
    state: "live",
    trip_id: "T1",
    start_date: "20261118",
    start_time: "16:00:00",
    route_id: "R1",
    headsign: "Базар",
    last_stop: false,
    scheduled_arrival_s: now_s + 200,
    scheduled_departure_s: now_s + 230,
    headway_s: null,
    arrival_s: now_s + 240,
    departure_s: now_s + 250,
    earliest_s: now_s + 185,
    latest_s: now_s + 295,
    delay_s: 40,
    passed_s: null,
    no_signal_since_s: null,
    stops_away: 2,
    vehicle: { vehicle_id: "7", time_s: now_s - 4 },
    occupancy: null,
    wheelchair: "unknown",
    added: false,
    detour: false,
    alert_ids: [],
    ...changed,
  };
}

describe("the wait for a bus", () => {
  it("is a range whose ends are rounded outwards", () => {
    expect(waitOf(call(), now_s)).toEqual({ kind: "range", low: 3, high: 5 });
  });

  it("never promises more than is known", () => {
    for (let low = 0; low < 2000; low += 37) {
      for (let width = 0; width < 900; width += 53) {
        const one = call({
          arrival_s: now_s + low + width / 2,
          earliest_s: now_s + low,
          latest_s: now_s + low + width,
        });
        const wait = waitOf(one, now_s);
        const ends =
          wait.kind === "range"
            ? [wait.low, wait.high]
            : wait.kind === "one"
              ? [wait.minutes, wait.minutes]
              : [0, 1];
        expect((ends[0] ?? 0) * 60).toBeLessThanOrEqual(low);
        expect((ends[1] ?? 0) * 60).toBeGreaterThanOrEqual(Math.min(low + width, 45 * 60));
      }
    }
  });

  it("falls by at most one minute a minute", () => {
    let before = Number.POSITIVE_INFINITY;
    for (let at = now_s; at < now_s + 400; at += 5) {
      const wait = waitOf(call(), at);
      const high = wait.kind === "range" ? wait.high : wait.kind === "one" ? wait.minutes : 0;
      expect(high).toBeLessThanOrEqual(before);
      if (before !== Number.POSITIVE_INFINITY) expect(before - high).toBeLessThanOrEqual(2);
      before = high;
    }
  });

  it.each([
    [{ earliest_s: now_s - 30, latest_s: now_s + 40, arrival_s: now_s }, { kind: "now" }],
    [
      { earliest_s: now_s + 180, latest_s: now_s + 180, arrival_s: now_s + 180 },
      { kind: "one", minutes: 3 },
    ],
    [
      { earliest_s: null, latest_s: null, arrival_s: now_s + 290 },
      { kind: "about", minutes: 5 },
    ],
    [
      { earliest_s: now_s + 3000, latest_s: now_s + 3600, arrival_s: now_s + 3300 },
      { kind: "clock", low_s: now_s + 3000, high_s: now_s + 3600 },
    ],
    [{ earliest_s: now_s - 90, latest_s: now_s - 30, arrival_s: now_s - 60 }, { kind: "now" }],
  ])("knows %o", (changed, wait) => {
    expect(waitOf(call(changed), now_s)).toEqual(wait);
  });

  it("is told in words, and as a clock once it is old", () => {
    language.value = "en";
    expect(waitText(waitOf(call(), now_s))).toBe("3–5 min");
    expect(tell(call(), now_s)).toEqual({ when: "3–5 min", how: "live" });
    const [low, high] = [clockText(now_s + 185), clockText(now_s + 295)];
    expect(tell(call(), now_s, true).when).toBe(`${low}–${high}`);
  });
});

describe("every state is said as it is", () => {
  it.each([
    [{ state: "passed", passed_s: now_s - 130 }, "left 2 min ago", ""],
    [{ state: "passed", passed_s: now_s - 10 }, "has just left", ""],
    [{ state: "passed", passed_s: null }, "has left", ""],
    [{ state: "no_signal", no_signal_since_s: now_s - 300 }, "no signal since", "by the timetable"],
    [{ state: "cancelled" }, "will not come", "cancelled"],
    [{ state: "skipped" }, "does not stop here today", ""],
    [{ state: "scheduled" }, clockText(now_s + 230), "timetable"],
    [
      { state: "scheduled", headway_s: 600, scheduled_departure_s: null },
      "every 10 min",
      "timetable",
    ],
  ] as const)("%o", (changed, when, how) => {
    language.value = "en";
    const told = tell(call(changed), now_s);
    expect(told.when).toContain(when);
    expect(told.how).toContain(how);
  });

  it.each([
    [{ state: "scheduled" }, 180],
    [{ state: "cancelled" }, 300],
    [{ state: "skipped" }, 300],
    [{ state: "passed", passed_s: now_s + 230 }, 300],
    [{ state: "passed", passed_s: null }, 300],
  ] as const)("and so long after its time: %o", (changed, kept_s) => {
    const planned_s = now_s + 230;
    expect(isShown(call(changed), planned_s + kept_s - 1)).toBe(true);
    expect(isShown(call(changed), planned_s + kept_s)).toBe(false);
  });

  it("a bus that is known stays until it has passed, and a headway while it is driven", () => {
    for (const state of ["live", "no_signal"] as const) {
      expect(isShown(call({ state }), now_s + 7200)).toBe(true);
    }
    expect(isShown(call({ state: "scheduled", headway_s: 600 }), now_s + 7200)).toBe(true);
  });

  it("tells only a delay that matters", () => {
    expect(delayOf(call({ delay_s: 60 }))).toBeNull();
    expect(delayOf(call({ delay_s: 600 }))).toEqual({ late: true, minutes: 10 });
    expect(delayOf(call({ delay_s: -180 }))).toEqual({ late: false, minutes: 3 });
    expect(delayOf(call({ state: "scheduled", delay_s: 600 }))).toBeNull();
  });

  it("says a headway once", () => {
    const every = call({ state: "scheduled", headway_s: 600 });
    const calls = [call(), every, { ...every, start_time: "16:10:00" }, call({ trip_id: "T2" })];
    expect(withoutRepeats(calls).length).toBe(3);
    expect(withoutRepeats([every, { ...every, headsign: "Саябақ" }]).length).toBe(2);
  });

  it("fills segments by the load and none when nobody counts", () => {
    expect(segmentsOf(null)).toBeNull();
    expect(segmentsOf("no_data_available")).toBeNull();
    expect(segmentsOf("standing_room_only")).toBe(3);
  });
});

describe("telling five minutes before", () => {
  const watch: Watch = {
    stop_id: "B",
    stop_name: "Базар",
    run: runOf(call()),
    route: "1",
    until_s: now_s + 3600,
  };

  it("goes by the early end of the range", () => {
    expect(isNear(call({ earliest_s: now_s + 301 }), 5, now_s)).toBe(false);
    expect(isNear(call({ earliest_s: now_s + 300, arrival_s: now_s + 500 }), 5, now_s)).toBe(true);
  });

  it("tells also what went wrong", () => {
    language.value = "en";
    expect(messageOf(call({ earliest_s: now_s + 900 }), watch, now_s)).toBeNull();
    expect(messageOf(call(), watch, now_s)?.title).toBe("Route 1: 3–5 min");
    expect(messageOf(call({ state: "cancelled" }), watch, now_s)?.title).toContain("will not come");
    expect(messageOf(call({ state: "no_signal" }), watch, now_s)?.title).toContain("no signal");
    expect(messageOf(call({ state: "scheduled" }), watch, now_s)).toBeNull();
  });
});

describe("the page", () => {
  it("reads its view from the address", () => {
    expect(viewOf("/rider")).toEqual({ name: "home" });
    expect(viewOf("/rider/stop/A%2FB%20%D1%8F")).toEqual({ name: "stop", id: "A/B я" });
    expect(viewOf("/rider/report")).toEqual({ name: "report" });
    expect(viewOf("/rider/report/ABC")).toEqual({ name: "followed", code: "ABC" });
    expect(viewOf("/rider/stop/%E0%A4%A")).toEqual({ name: "stop", id: "%E0%A4%A" });
    expect(viewOf("/rider/nonsense")).toEqual({ name: "home" });
  });

  it("goes on counting from the last answer, never back", () => {
    expect(cityNow(100, 5000, 8000, 1)).toBe(103);
    expect(cityNow(100, 5000, 8000, 10)).toBe(130);
    expect(cityNow(100, 5000, 4000, 1)).toBe(100);
  });

  it("writes sums with tiyn only where there are any", () => {
    expect(sumText(124_000).replaceAll("\u00a0", " ")).toBe("1 240 ₸");
    expect(sumText(-123_456_750).replaceAll("\u00a0", " ")).toBe("−1 234 567,50 ₸");
  });

  it("makes codes that the server takes", () => {
    const code = makeCode();
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{16}$/);
    expect(codeText(code)).toMatch(/^(.{4}-){3}.{4}$/);
  });

  it.each(languages)("has whole messages in %s", (one) => {
    for (const key of Object.keys(en) as Key[]) {
      const text = all[one][key];
      expect(text.trim(), key).not.toBe("");
      expect(namesIn(text), key).toEqual(namesIn(en[key]));
      expect(() =>
        format(text, one, Object.fromEntries([...namesIn(text)].map((n) => [n, 2]))),
      ).not.toThrow();
    }
  });
});

describe("the drawing of a line", () => {
  it("keeps north up and the box around all points", () => {
    expect(flat([51, 57]).y).toBeLessThan(flat([50, 57]).y);
    const box = boxOf([flat([50.2, 57.1]), flat([50.3, 57.3])]);
    expect(box.size).toBeGreaterThan(0.2);
    expect(around([null, null], box)).toBe(box);
    expect(around([flat([50.25, 57.2])], box).size).toBeLessThan(box.size);
    expect(zoomed(box, 0.001, box).size).toBe(0.004);
    expect(moved(box, { x: 0, y: 0 }, { x: 100, y: 0 }, 200).x).toBeCloseTo(box.x - box.size / 2);
  });
});

describe("the icon", () => {
  it("is a PNG of the size that is asked for, and an SVG of the same shapes", () => {
    const png = iconPng(48);
    expect([...png.slice(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
    expect(new DataView(png.buffer).getUint32(16)).toBe(48);
    expect(iconSvg().match(/<rect/g)?.length).toBeGreaterThan(5);
  });
});
