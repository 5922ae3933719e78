import { describe, expect, it } from "vitest";
import { hundredths, readAmount, readCount, readPercent } from "./fields";

describe("fields of the finance desk", () => {
  it("reads what it writes, to the last hundredth", () => {
    for (const value of [0, 1, 5, 10, 95, 100, 101, 150, 9_999, 10_000]) {
      expect(readPercent(hundredths(value))).toBe(value);
      expect(readAmount(hundredths(value))).toBe(value);
    }
  });

  it("tells an empty field from one that holds no value", () => {
    for (const read of [readPercent, readAmount, readCount]) {
      expect(read("  ")).toBeNull();
      expect(read("x")).toBeUndefined();
      expect(read("-1")).toBeUndefined();
    }
    expect(readPercent("1.234")).toBeUndefined();
    expect(readPercent("100,01")).toBeUndefined();
    expect(readAmount("1 500,50")).toBe(150_050);
    expect(readAmount("0,00")).toBe(0);
    expect(readCount("12")).toBe(12);
  });
});
