import { describe, expect, it } from "vitest";
import { layoutOf } from "./typing";

describe("the layout that typed a password", () => {
  it.each([
    ["қар", "ru"],
    ["қарғ", "kk"],
    ["пароль 1", "ru"],
    ["password!", "en"],
    ["парольx", "en"],
    ["123", null],
    ["", null],
  ])("of %s is %s", (text, layout) => {
    expect(layoutOf(text)).toBe(layout);
  });
});
