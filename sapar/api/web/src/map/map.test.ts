import { describe, expect, it } from "vitest";
import { chipColours, contrast, glyphColour, palettes } from "./colours";
import { drawnAt, Glide, glide_ms, type Position } from "./glide";
import { distanceTo, drawGlyph, polygons, shapes } from "./glyphs";

describe("glide", () => {
  const start = { id: "a", lon: 57.0, lat: 50.0 };
  const next = { id: "a", lon: 57.001, lat: 50.0005 };

  const where = (glide: Glide, now_ms: number): Position | undefined => {
    const track = glide.track("a");
    return track && drawnAt(track, now_ms);
  };

  it("draws between the two fixes and never beyond the newest", () => {
    const glide = new Glide();
    glide.take([start], 0, true);
    glide.take([next], 1000, true);
    for (let at = 1000; at <= 5000; at += 50) {
      const drawn = where(glide, at);
      expect(drawn?.lon).toBeGreaterThanOrEqual(start.lon);
      expect(drawn?.lon).toBeLessThanOrEqual(next.lon);
    }
    expect(where(glide, 1000)).toEqual({ lon: start.lon, lat: start.lat });
    expect(where(glide, 1000 + glide_ms)?.lon).toBeCloseTo(next.lon, 9);
    expect(glide.moving(1000 + glide_ms - 1)).toBe(true);
    expect(glide.moving(1000 + glide_ms)).toBe(false);
  });

  it("goes on from where it is drawn when a fix comes early", () => {
    const glide = new Glide();
    glide.take([start], 0, true);
    glide.take([next], 1000, true);
    const before = where(glide, 1400);
    glide.take([{ ...next, lat: 50.002 }], 1400, true);
    expect(where(glide, 1400)).toEqual(before);
  });

  it("jumps over long gaps, when motion is not wanted, and when it settles", () => {
    const glide = new Glide();
    glide.take([start], 0, true);
    glide.take([{ ...start, lat: 50.1 }], 1000, true);
    expect(where(glide, 1000)?.lat).toBe(50.1);
    glide.take([start], 2000, false);
    expect(where(glide, 2000)?.lat).toBe(50.0);
    glide.take([next], 3000, true);
    glide.settle();
    expect(where(glide, 3000)).toEqual({ lon: next.lon, lat: next.lat });
  });

  it("forgets vehicles that are no longer told of", () => {
    const glide = new Glide();
    glide.take([start], 0, true);
    glide.take([], 1000, true);
    expect(where(glide, 1000)).toBeUndefined();
  });
});

describe("glyphs", () => {
  it("measure distance with the inside negative", () => {
    const square = [
      [-10, -10],
      [10, -10],
      [10, 10],
      [-10, 10],
    ] as const;
    expect(distanceTo(square, 0, 0)).toBe(-10);
    expect(distanceTo(square, 14, 0)).toBe(4);
    expect(distanceTo(square, 13, 14)).toBe(5);
  });

  it("stay inside their image, and differ from each other", () => {
    const pictures = new Set<string>();
    for (const shape of shapes) {
      for (const [x, y] of polygons[shape].flat()) expect(Math.hypot(x, y)).toBeLessThan(22);
      for (const hollow of [false, true]) pictures.add(drawGlyph(shape, hollow).data.join());
    }
    expect(pictures.size).toBe(shapes.length * 2);
  });
});

describe("colours", () => {
  const fleet = ["FFFFFF", "000000", "FFFF00", "1C1F23", "DFE2E5", "C2410C", "", "zz"];

  it.each(["dark", "light"] as const)("can be seen and read on the %s theme", (theme) => {
    const palette = palettes[theme];
    for (const tone of Object.values(palette.tones)) {
      expect(contrast(tone, palette.ground)).toBeGreaterThanOrEqual(3);
    }
    for (const color of fleet) {
      expect(contrast(glyphColour(color, palette), palette.ground)).toBeGreaterThanOrEqual(3);
      for (const text of ["FFFFFF", "000000", ""]) {
        const chip = chipColours(color, text, palette);
        expect(contrast(chip.text, chip.background)).toBeGreaterThanOrEqual(4.5);
      }
    }
    for (const ink of [palette.ink, palette.ink2, palette.muted]) {
      expect(contrast(ink, palette.ground)).toBeGreaterThanOrEqual(4.5);
    }
  });
});
