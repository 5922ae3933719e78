/** What an alarm says, and what is proposed to do about it, as sentences. */
import { ghostReasons } from "../../data/console";
import { clockText } from "../../kit/when";
import type { AlarmRow } from "../../shell/alarms";
import * as state from "../../shell/state";
import { t } from "./messages";

function minutes(seconds: unknown): number {
  return Math.round(Number(seconds ?? 0) / 60);
}

/** The name that people call a bus by. */
export function busName(id: string | null): string {
  if (id === null) return "–";
  return state.rows.value.find((row) => row.vehicle.id === id)?.vehicle.label ?? id;
}

/** What is wrong. */
export function causeWords({ kind, vehicle_id, values }: AlarmRow): string {
  const bus = busName(vehicle_id);
  if (kind === "late") return t("late", { bus, n: minutes(values["late_s"]) });
  if (kind === "early") return t("early", { bus, n: minutes(values["early_s"]) });
  if (kind === "silent") return t("silent", { bus, n: minutes(values["silent_s"]) });
  if (kind === "speeding") return t("speeding", { bus, n: Number(values["speed_kmh"] ?? 0) });
  if (kind === "gap" || kind === "bunched") {
    return t(kind, {
      bus,
      ahead: busName(values["ahead"] === undefined ? null : String(values["ahead"])),
      n: minutes(values["headway_s"]),
      plan: minutes(values["plan_headway_s"]),
    });
  }
  if (kind === "no_vehicle") {
    const reason = ghostReasons.find((one) => one === values["reason"]) ?? "no_vehicle";
    const start_s = Number(values["start_s"] ?? 0);
    return t("no_vehicle", { time: clockText(start_s, false), reason: t(`why_${reason}`) });
  }
  return t(kind, { bus });
}

/** What to do about it; where the headways give advice, that. */
export function proposalWords(row: AlarmRow): string {
  if (row.kind === "gap" || row.kind === "bunched") {
    const advice = state.deskNow.value.routes
      .filter((route) => route.route_id === row.route_id)
      .flatMap((route) => route.advice)
      .sort((a, b) => b.gain_s - a.gain_s)[0];
    if (advice) {
      return advice.kind === "hold"
        ? t("doHold", { bus: busName(advice.vehicle_id), n: minutes(advice.seconds) })
        : t("doTurn", { bus: busName(advice.vehicle_id), stop: stopName(advice.stop_id) });
    }
  }
  return t(`do_${row.kind}`);
}

/** The name of a stop, or nothing. */
export function stopName(id: string | null): string {
  return id === null ? "" : (state.network.value.stopById.get(id)?.name ?? id);
}

/** Where an alarm stands, in words: who has it, who has seen it, until when it is shelved. */
export function lifeWords(row: AlarmRow): string {
  const parts: string[] = [];
  if (row.shelved_until_s !== null && row.shelved_until_s > (state.cityTime.value ?? 0)) {
    parts.push(t("until", { time: clockText(row.shelved_until_s, false) }));
  }
  if (row.owner !== null) parts.push(row.owner);
  else if (row.acknowledged_by !== null) parts.push(row.acknowledged_by);
  return parts.join(", ");
}
