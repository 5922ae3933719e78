import { describe, expect, it } from "vitest";
import type { Point } from "../../desk/types";
import { back, drawn, forth, lengthOf, newHistory, placeOn, readPath, writePath } from "./drawing";

const path: readonly Point[] = [
  [50.28, 57.2],
  [50.28, 57.22],
  [50.29, 57.22],
];

describe("a drawing", () => {
  it("goes back and forth step by step", () => {
    const one = drawn(newHistory, { path: path.slice(0, 1), served: [] });
    const two = drawn(one, { path: path.slice(0, 2), served: [] });
    expect(back(two).now).toEqual(one.now);
    expect(forth(back(two))).toEqual(two);
    expect(back(back(back(two))).now.path).toEqual([]);
    expect(forth(drawn(back(two), one.now)).future).toEqual([]);
  });

  it("is as long as its streets", () => {
    const east_m = 0.02 * 111_195 * Math.cos((50.28 * Math.PI) / 180);
    expect(lengthOf(path)).toBeCloseTo(east_m + 0.01 * 111_195, 0);
    expect(lengthOf([])).toBe(0);
  });

  it("knows what lies on the way", () => {
    const half = placeOn(path, [50.2801, 57.21]);
    expect(half.off_m).toBeCloseTo(11.1, 0);
    expect(half.along_m).toBeCloseTo(lengthOf(path.slice(0, 2)) / 2, 0);
    expect(placeOn(path, [50.31, 57.22]).along_m).toBeCloseTo(lengthOf(path), 3);
  });

  it("is read from text as it was written", () => {
    expect(readPath(writePath(path))).toEqual(path);
    expect(readPath("50.1 57.2\n\n50.2;57.3")).toEqual([
      [50.1, 57.2],
      [50.2, 57.3],
    ]);
    expect(readPath("50.1, 57.2\nfifty, 57")).toBe(2);
    expect(readPath("91, 57")).toBe(1);
  });
});
