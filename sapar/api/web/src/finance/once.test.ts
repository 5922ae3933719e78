import { describe, expect, it } from "vitest";
import { ApiError } from "../kit/api";
import { newKey, wasAnswered } from "./once";

describe("an act that happens once", () => {
  it("keeps its key while nobody knows whether it was done", () => {
    expect(wasAnswered(new ApiError(0, "no_answer", ""))).toBe(false);
    expect(wasAnswered(new ApiError(503, "unavailable", ""))).toBe(false);
    expect(wasAnswered(new Error("torn"))).toBe(false);
    expect(wasAnswered(new ApiError(403, "card_blocked", ""))).toBe(true);
    expect(wasAnswered(new ApiError(422, "text", ""))).toBe(true);
  });

  it("has a key of its own", () => {
    expect(newKey()).not.toBe(newKey());
    expect(newKey()).toMatch(/^[0-9a-f-]{36}$/);
  });
});
