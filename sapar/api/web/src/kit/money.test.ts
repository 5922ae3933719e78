import { afterEach, describe, expect, it } from "vitest";
import { language } from "../i18n";
import { moneyText, readTenge } from "./money";

afterEach(() => {
  language.value = "en";
});

describe("money", () => {
  it.each(["kk", "ru"] as const)("is written in %s with no-break spaces and a comma", (one) => {
    language.value = one;
    expect(moneyText(-123_456_750)).toBe("−1\u00a0234\u00a0567,50\u00a0₸");
    expect(moneyText(8000)).toBe("80\u00a0₸");
    expect(moneyText(5)).toBe("0,05\u00a0₸");
  });

  it("is written in English with commas and a point", () => {
    expect(moneyText(123_456_750, { sign: true })).toBe("+1,234,567.50\u00a0₸");
    expect(moneyText(0, { sign: true })).toBe("0\u00a0₸");
    expect(moneyText(null)).toBe("–");
  });

  it.each([
    ["1 234,50", 123_450],
    ["1234.5", 123_450],
    ["80 ₸", 8000],
    ["0,01", 1],
    ["0", null],
    ["1,234", null],
    ["-5", null],
    ["1e3", null],
    ["", null],
  ])("%s is read exactly", (text, tiyn) => {
    expect(readTenge(text)).toBe(tiyn);
  });
});
