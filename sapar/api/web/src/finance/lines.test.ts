import { describe, expect, it } from "vitest";
import { splitLines } from "./lines";

describe("lines", () => {
  it("are whole, whatever the pieces", () => {
    expect(splitLines('{"a":1}\n{"b"')).toEqual({ lines: ['{"a":1}'], rest: '{"b"' });
    expect(splitLines("\n")).toEqual({ lines: [], rest: "" });
  });
});
