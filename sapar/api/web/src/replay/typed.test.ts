import { describe, expect, it } from "vitest";
import { dayAround } from "./day";
import { momentText, readMoment } from "./typed";

const zone = "Asia/Almaty";
const utc = (text: string): number => Date.parse(text) / 1000;
const at_s = utc("2026-11-20T02:42:10Z"); // 07:42:10 there

describe("a typed moment", () => {
  it("is read as it is written", () => {
    expect(momentText(at_s, zone)).toBe("2026-11-20 07:42:10");
    expect(readMoment(momentText(at_s, zone), 0, zone)).toBe(at_s);
  });

  it("may leave out day and seconds", () => {
    expect(readMoment("7:42", at_s, zone)).toBe(at_s - 10);
    expect(readMoment(" 07.42.10 ", at_s, zone)).toBe(at_s);
    expect(readMoment("2026-11-19 23:59", at_s, zone)).toBe(utc("2026-11-19T18:59:00Z"));
  });

  it("is none when it is none", () => {
    for (const text of ["", "25:00", "7:60", "morning", "2026-13-40 07:00"]) {
      expect(readMoment(text, at_s, zone)).toBeNull();
    }
  });
});

describe("the day around a moment", () => {
  it("has 25 hours when the clocks go back", () => {
    const [from_s, until_s] = dayAround(utc("2024-02-29T10:00:00Z"), zone);
    expect(from_s).toBe(utc("2024-02-28T18:00:00Z"));
    expect(until_s).toBe(utc("2024-02-29T19:00:00Z"));
  });

  it("is the local one", () => {
    const [from_s, until_s] = dayAround(at_s, zone);
    expect(from_s).toBe(utc("2026-11-19T19:00:00Z"));
    expect(until_s - from_s).toBe(86_400);
  });
});
