/** What a person does about an alarm: acknowledge, shelve, take over, and take that back. */
import { t } from "../i18n";
import { getJson, send } from "../kit/api";
import { attempt } from "../kit/toast";
import { type AlarmRow, fetchAlarms } from "./alarms";

type What = "acknowledge" | "shelve" | "take";

function path(row: AlarmRow, what: What | "undo"): string {
  return `/api/dispatch/alarms/${row.alarm_no}/${what}`;
}

async function answer(
  row: AlarmRow,
  what: What,
  text: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  if (row.alarm_no === null) return;
  await attempt(
    () => send("POST", path(row, what), body),
    text,
    () => send("POST", path(row, "undo"), {}).finally(() => void fetchAlarms()),
  );
  void fetchAlarms();
}

/** Says that somebody has seen it; a panic's emergency is acknowledged with it. */
export async function acknowledge(row: AlarmRow): Promise<void> {
  await answer(row, "acknowledge", t("acknowledged", { name: row.vehicle_id ?? row.key }));
  if (row.kind === "panic") await acknowledgeEmergency(row);
}

/** Puts it aside; it comes back by itself. */
export function shelve(row: AlarmRow, minutes: number, reason: string): Promise<void> {
  return answer(row, "shelve", t("shelvedFor", { n: minutes }), { minutes, reason });
}

/** Makes it one's own. */
export function takeOver(row: AlarmRow): Promise<void> {
  return answer(row, "take", t("takenOver", { name: row.vehicle_id ?? row.key }));
}

interface Emergency {
  readonly emergency_no: number;
  readonly vehicle_id: string;
  readonly acknowledged_s: number | null;
  readonly closed_s: number | null;
}

async function standing(vehicleId: string | null): Promise<readonly Emergency[]> {
  const { emergencies } = await getJson<{ emergencies: Emergency[] }>("/api/dispatch/emergencies");
  return emergencies.filter((one) => one.vehicle_id === vehicleId && one.closed_s === null);
}

async function acknowledgeEmergency(row: AlarmRow): Promise<void> {
  await attempt(async () => {
    for (const { emergency_no, acknowledged_s } of await standing(row.vehicle_id)) {
      if (acknowledged_s !== null) continue;
      await send("POST", `/api/dispatch/emergencies/${emergency_no}/acknowledge`, {});
    }
  }, "");
}

/** Ends the emergency behind a panic; its alarm goes with the next tick. */
export async function closeEmergency(row: AlarmRow, reason: string): Promise<void> {
  await attempt(async () => {
    for (const { emergency_no } of await standing(row.vehicle_id)) {
      await send("POST", `/api/dispatch/emergencies/${emergency_no}/close`, { reason });
    }
  }, t("emergencyClosed"));
  void fetchAlarms();
}
