import type { Vehicle } from "../data/types";
import { adherenceOf, delayMinutes, signedMinutes } from "../domain/adherence";
import { type Key, t } from "../i18n";

/** A delay in words, with the same limits as the colours. */
export function delayWords(delay_s: number | null): string {
  if (delay_s === null) return t("unknown");
  const minutes = delayMinutes(delay_s);
  if (minutes === 0) return t("onTime");
  if (adherenceOf(delay_s) === "even") return t("onTimeBy", { n: signedMinutes(delay_s) });
  return minutes > 0 ? t("late", { n: minutes }) : t("early", { n: -minutes });
}

/** The state of a vehicle in words. */
export function phaseWords(vehicle: Vehicle): string {
  return t(`phase_${vehicle.phase}` as Key);
}

/** A speed in words. */
export function speedWords(speed_mps: number | null): string {
  return speed_mps === null ? "–" : t("kmh", { n: Math.round(speed_mps * 3.6) });
}
