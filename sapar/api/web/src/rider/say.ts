/** Times, distances and sums as the page writes them. */
import { dateIn } from "../i18n/locale";
import { boot } from "./boot";
import { cityNow, plannedOf, type Wait, waitOf } from "./times";
import type { Call, Route } from "./types";
import { language, t } from "./words";

const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: boot.timezone,
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const dayName = new Intl.DateTimeFormat("en-CA", { timeZone: boot.timezone });

/** "12:07" in the city. */
export const clockText = (unix_s: number): string => clock.format(unix_s * 1000);

/** "12:07" today, else with the day: "21.11. 12:07". */
export function momentText(unix_s: number, now_s: number): string {
  const day = dayName.format(unix_s * 1000);
  if (day === dayName.format(now_s * 1000)) return clockText(unix_s);
  const date = dateIn(unix_s * 1000, language.value, boot.timezone, { month: "long" });
  return `${date}, ${clockText(unix_s)}`;
}

export function dayText(unix_s: number, now_s: number): string {
  const day = dayName.format(unix_s * 1000);
  if (day === dayName.format(now_s * 1000)) return t("today");
  if (day === dayName.format((now_s + 86_400) * 1000)) return t("tomorrow");
  return dateIn(unix_s * 1000, language.value, boot.timezone, {
    month: "long",
    weekday: "long",
  });
}

export function ageText(seconds: number): string {
  if (seconds < 90) return t("secondsShort", { n: Math.max(0, Math.round(seconds)) });
  if (seconds < 5400) return t("minutesShort", { n: Math.round(seconds / 60) });
  return t("hoursShort", { n: Math.round(seconds / 3600) });
}

export function distanceText(metres: number): string {
  return metres < 950
    ? t("metres", { n: Math.round(metres / 10) * 10 })
    : t("kilometres", { n: Math.round(metres / 100) / 10 });
}

/** Tenge of a whole number of tiyn; tiyn only where there are any. */
export function sumText(tiyn: number): string {
  const digits = tiyn % 100 === 0 ? 0 : 2;
  const number = new Intl.NumberFormat("ru-KZ", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${number.format(tiyn / 100).replace("-", "−")}\u00a0₸`;
}

export function waitText(wait: Wait): string {
  switch (wait.kind) {
    case "now":
      return t("due");
    case "one":
      return t("minutes", { n: wait.minutes });
    case "about":
      return t("about", { n: wait.minutes });
    case "range":
      return t("range", { low: wait.low, high: wait.high });
    case "clock": {
      const low = clockText(wait.low_s);
      const high = clockText(wait.high_s);
      return low === high ? low : t("between", { low, high });
    }
  }
}

/** When a call is, and how that is known. `still`: the state is old, so minutes would be a lie. */
export function tell(call: Call, now_s: number, still = false) {
  const planned_s = plannedOf(call);
  const planned = planned_s === null ? "" : clockText(planned_s);
  switch (call.state) {
    case "live": {
      if (!still) return { when: waitText(waitOf(call, now_s)), how: t("live") };
      const low = clockText(call.earliest_s ?? call.arrival_s ?? now_s);
      const high = clockText(call.latest_s ?? call.arrival_s ?? now_s);
      return { when: low === high ? low : t("between", { low, high }), how: t("live") };
    }
    case "passed": {
      if (call.passed_s === null) return { when: t("passedUnknown"), how: "" };
      const minutes = Math.floor((now_s - call.passed_s) / 60);
      return { when: minutes < 1 ? t("passedNow") : t("passed", { n: minutes }), how: "" };
    }
    case "no_signal":
      return {
        when: t("noSignal", { time: clockText(call.no_signal_since_s ?? now_s) }),
        how: planned === "" ? "" : t("noSignalPlan", { time: planned }),
      };
    case "cancelled":
      return {
        when: t("cancelled"),
        how: planned === "" ? "" : t("cancelledPlan", { time: planned }),
      };
    case "skipped":
      return { when: t("skipped"), how: "" };
    case "scheduled":
      if (call.headway_s !== null)
        return {
          when: t("everyMinutes", { n: Math.round(call.headway_s / 60) }),
          how: t("timetable"),
        };
      return { when: planned, how: t("timetable") };
  }
}

export const routeName = (route: Route | undefined): string =>
  route ? route.short_name || route.long_name : "?";

export { cityNow };
