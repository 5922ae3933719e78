import { expect, test } from "vitest";
import { clockIn, dateIn, localeOf } from "./locale";

const friday_ms = Date.parse("2026-11-20T20:30:00Z"); // already Saturday in Aktobe
const zone = "Asia/Aqtobe";

test("Kazakh dates have Kazakh names, whatever the browser knows", () => {
  expect(dateIn(friday_ms, "kk", zone)).toBe("21 қар.");
  expect(dateIn(friday_ms, "kk", "UTC", { weekday: "short" })).toBe("жм, 20 қар.");
  expect(dateIn(friday_ms, "kk", zone, { month: "long", weekday: "long" })).toBe(
    "21 қараша, сенбі",
  );
  expect(dateIn(friday_ms, "kk", zone, { month: "long", year: true })).toBe("2026 ж. 21 қараша");
});

test("the other languages go by the browser's own data", () => {
  expect(dateIn(friday_ms, "en", zone)).toBe("21 Nov");
  expect(dateIn(friday_ms, "ru", zone)).toMatch(/^21 нояб/);
});

test("numbers of Kazakh pages follow the Russian rules, which are the same", () => {
  const text = new Intl.NumberFormat(localeOf("kk"), { minimumFractionDigits: 1 }).format(28000.5);
  expect(text.replaceAll(/\s/g, " ")).toBe("28 000,5");
});

test("clocks are the same in all languages", () => {
  expect(clockIn(friday_ms, zone)).toBe("01:30");
  expect(clockIn(friday_ms, "Asia/Almaty", true)).toBe("01:30:00");
});
