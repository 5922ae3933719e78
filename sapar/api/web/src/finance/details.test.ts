import { beforeEach, describe, expect, it } from "vitest";
import { language } from "../i18n";
import { detailText } from "./details";

beforeEach(() => {
  language.value = "en";
});

describe("what an exception says", () => {
  it("tells amounts as money and codes as words", () => {
    const told = [
      "vokzal paid 15000.00 too little for vokzal-20261119",
      "350.50 more was kept of qr-pay-20261119 than agreed",
      "missing_on_server city_single: +7 taps, +64000 tiyn",
      "missing_on_server single: +1 taps, +8000 tiyn; missing_on_device denied: -1 taps, +0 tiyn",
      "no statement covers 2026-11-19",
    ].map((one) => detailText(one).replaceAll("\u00a0", " "));
    expect(told).toEqual([
      "vokzal paid 15,000 ₸ too little for vokzal-20261119",
      "350.50 ₸ more was kept of qr-pay-20261119 than agreed",
      "The validator counted 7 taps more than came: 640 ₸ (city_single)",
      "The validator counted 1 tap more than came: 80 ₸ (single); 1 tap more came than the validator counted: 0 ₸ (denied)",
      "No statement covers 2026-11-19",
    ]);
  });

  it("is in the reader's language", () => {
    language.value = "kk";
    expect(detailText("nothing explains it")).toBe("Ештеңе түсіндірмейді");
    language.value = "ru";
    expect(detailText("missing_on_server x: +2 taps, +16000 tiyn").replaceAll("\u00a0", " ")).toBe(
      "Валидатор насчитал больше, чем пришло, на 2 поездки: 160 ₸ (x)",
    );
  });

  it("leaves what it does not know as the server wrote it", () => {
    for (const text of ["", "the purse is 5", "total_break: what", "a paid x too little for b"]) {
      expect(detailText(text)).toBe(text);
    }
  });
});
