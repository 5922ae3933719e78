/** Days as the city counts them. */

export const periods = ["week", "month", "day", "own"] as const;
export type Period = (typeof periods)[number];

const day_ms = 86_400_000;

/** A day as `2026-11-20`, some days after another. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * day_ms).toISOString().slice(0, 10);
}

/** The city's date of a moment. */
export function cityDay(unix_s: number, timezone: string): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: timezone }).format(unix_s * 1000);
}

/** First and last day of a period that ends yesterday. */
export function daysOf(chosen: Period, today: string): [string, string] {
  const last = dayAfter(today, -1);
  if (chosen === "month") return [dayAfter(last, -27), last];
  return [chosen === "day" ? last : dayAfter(last, -6), last];
}

/** How many days lie between two. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / day_ms);
}
