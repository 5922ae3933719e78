/** A moment as a person types it: by the city's clock, always of 24 hours. Pure. */
import { citySeconds, cityText } from "../kit/fields";

/** A moment as `2026-11-20 07:42:10`. */
export function momentText(at_s: number, timezone: string): string {
  const seconds = String(Math.floor(at_s) % 60).padStart(2, "0");
  return `${cityText(at_s, timezone).replace("T", " ")}:${seconds}`;
}

/** The moment that was typed, with or without day and seconds; null when it is none. */
export function readMoment(text: string, at_s: number, timezone: string): number | null {
  const found = /^(?:(\d{4}-\d\d-\d\d)[ T]+)?(\d{1,2})[:.](\d\d)(?:[:.](\d\d))?$/.exec(text.trim());
  if (!found) return null;
  const [, day, hour, minute, second] = found;
  const clock = `${(hour ?? "").padStart(2, "0")}:${minute}`;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second ?? 0) > 59) return null;
  const date = day ?? cityText(at_s, timezone).slice(0, 10);
  const base_s = citySeconds(`${date}T${clock}`, timezone);
  return base_s === null ? null : base_s + Number(second ?? 0);
}
