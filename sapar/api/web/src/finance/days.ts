/** Business days as people read them, and moments that the API writes as text. */
import { dayText } from "../kit/when";

/** "20 Nov" of "2026-11-20". */
export function dayName(day: string): string {
  return dayText(Date.parse(`${day}T12:00:00Z`) / 1000);
}

/** Unix seconds of a moment as the API writes it. */
export function seconds(moment: string): number {
  return Date.parse(moment) / 1000;
}

/** The day so many days after another one. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T12:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
