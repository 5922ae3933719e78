/** The day around a moment, in the city's own clock. */
import { citySeconds, cityText } from "../kit/fields";

/** Begin and end of the local date of a moment, in Unix seconds; 23 or 25 hours when clocks change. */
export function dayAround(at_s: number, timezone: string): readonly [number, number] {
  const date = cityText(at_s, timezone).slice(0, 10);
  const from_s = citySeconds(`${date}T00:00`, timezone) ?? at_s;
  // Half past a day later it is the next date, also on a day of 25 hours.
  const next = cityText(from_s + 25.5 * 3600, timezone).slice(0, 10);
  return [from_s, citySeconds(`${next}T00:00`, timezone) ?? from_s + 86_400];
}
