/** Times, durations and numbers as people in the city read them. */
import { duration } from "../domain/age";
import { language, t } from "../i18n";
import { clockIn, dateIn, localeOf } from "../i18n/locale";
import * as state from "../shell/state";

function zone(): string {
  return state.agency.value?.timezone ?? "UTC";
}

/** A moment as a clock in the city shows it. */
export function clockText(unix_s: number, seconds = true): string {
  return clockIn(unix_s * 1000, zone(), seconds);
}

/** A day of the city, "20 Nov". */
export function dayText(unix_s: number): string {
  return dateIn(unix_s * 1000, language.value, zone());
}

/** A moment with its day; the day is left out when it is today's. */
export function momentText(unix_s: number, seconds = false): string {
  const now_s = state.cityTime.value;
  const clock = clockText(unix_s, seconds);
  return now_s !== null && dayText(now_s) === dayText(unix_s)
    ? clock
    : `${dayText(unix_s)}, ${clock}`;
}

/** A duration in words of the page's language: "4 min 10 s". */
export function spell(seconds: number): string {
  const said = duration(seconds);
  return t(said.key, said.values);
}

/** A duration in whole minutes, "7 min"; below one minute in seconds. */
export function minutesText(seconds: number): string {
  return Math.abs(seconds) < 60
    ? t("seconds", { n: Math.round(seconds) })
    : t("minutes", { n: Math.round(seconds / 60) });
}

/** A number with the language's digits groups and decimal sign. */
export function numberText(value: number | null, digits = 0): string {
  if (value === null) return "–";
  return new Intl.NumberFormat(localeOf(language.value), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
    .format(value)
    .replace("-", "−");
}

/** A share of 0 to 1 in percent. */
export function percentText(share: number | null, digits = 0): string {
  if (share === null) return "–";
  return new Intl.NumberFormat(localeOf(language.value), {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(share);
}

/** How long ago a moment was, counting on by the city's clock. */
export function Ago({ since_s }: { since_s: number }) {
  const now_s = state.cityTime.value;
  const text = now_s === null ? "–" : spell(now_s - since_s);
  return <time title={momentText(since_s, true)}>{text}</time>;
}

/** A moment as a `<time>`. */
export function Moment({ at_s, seconds = false }: { at_s: number; seconds?: boolean }) {
  return <time dateTime={new Date(at_s * 1000).toISOString()}>{momentText(at_s, seconds)}</time>;
}
