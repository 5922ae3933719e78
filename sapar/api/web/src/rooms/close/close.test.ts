import { beforeEach, describe, expect, it } from "vitest";
import { language } from "../../i18n";
import { byHour } from "../finance";
import { isEmpty, valueText } from "./evidence";

beforeEach(() => {
  language.value = "en";
});

describe("what a stage saw", () => {
  it("leaves out what says nothing", () => {
    expect([[], {}, null, "", { late: [] }].map(isEmpty)).toEqual([true, true, true, true, true]);
    expect([0, false, [0], { gaps: 0 }].map(isEmpty)).toEqual([false, false, false, false]);
  });

  it("reads amounts as money and counts as counts", () => {
    const taps = [{ status: "posted", taps: 5, charged_tiyn: 24_050 }];
    expect(valueText("taps", taps)).toBe("status posted, taps 5, from cards 240.50\u00a0₸");
    expect(valueText("controls", { unreported_tap: 2, late: [] })).toBe(
      "Tap that no device reported 2",
    );
  });
});

describe("rides by hour", () => {
  it("has a place for hours without a ride", () => {
    const hours = ["05:00", "08:00"].map((time, place) => ({
      hour: `2026-03-18T${time}:00`,
      taps: place + 1,
      riders: 1,
      earned_tiyn: 1,
    }));
    expect(byHour(hours).map((one) => one.taps)).toEqual([1, 0, 0, 2]);
    expect(byHour(hours)[0]?.at_s).toBe(Date.UTC(2026, 2, 18, 5) / 1000);
  });
});
