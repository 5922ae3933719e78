import type { Phase, Vehicle } from "../data/types";
import { adherenceOf, delayMinutes, signedMinutes } from "../domain/adherence";
import { type Key, language, messages, t } from "../i18n";
import { localeOf } from "../i18n/locale";

/** A delay in words, with the same limits as the colours. */
export function delayWords(delay_s: number | null): string {
  if (delay_s === null) return t("unknown");
  const minutes = delayMinutes(delay_s);
  if (minutes === 0) return t("onTime");
  if (adherenceOf(delay_s) === "even") return t("onTimeBy", { n: signedMinutes(delay_s) });
  return minutes > 0 ? t("late", { n: minutes }) : t("early", { n: -minutes });
}

/** A state in words. */
export function phaseWords(phase: Phase): string {
  return t(`phase_${phase}`);
}

/** How sure the assignment is, of 0 to 1, in whole percent. */
export function confidenceWords(confidence: number | null): string {
  if (confidence === null) return t("unknown");
  return new Intl.NumberFormat(localeOf(language.value), { style: "percent" }).format(confidence);
}

/** A speed in words. */
export function speedWords(speed_mps: number | null): string {
  return speed_mps === null ? "–" : t("kmh", { n: Math.round(speed_mps * 3.6) });
}

/** Why a vehicle is on its trip, or on none; null for a reason that the page has no words for. */
export function reasonWords(
  vehicle: Pick<Vehicle, "reason_code" | "reason_values">,
): string | null {
  const key = `why_${vehicle.reason_code}`;
  if (!(key in messages.en)) return null;
  const { fit, ...values } = vehicle.reason_values ?? {};
  return t(key as Key, { ...values, fit: Math.round(Number(fit) * 100) });
}
