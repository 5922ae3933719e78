import { describe, expect, it } from "vitest";
import { busesOf, filled, ready, texts, to, urgent } from "./letter";

describe("a message to drivers", () => {
  it("reads the numbers that were typed", () => {
    expect(busesOf(" 105, 207;105\n9")).toEqual(["105", "207", "9"]);
    expect(busesOf("  ")).toEqual([]);
  });

  it("is ready once it says something to somebody", () => {
    expect(ready.value).toBe(false);
    to.value = "105";
    texts.value = { kk: " ", ru: "Позвоните." };
    expect(filled(texts.value)).toEqual({ ru: "Позвоните." });
    expect(ready.value).toBe(true);
    texts.value = { ru: "x".repeat(201) };
    expect(ready.value).toBe(false);
    expect(urgent.value).toBe(false);
  });
});
