/** Opens the dialogs of dispatch from anywhere; their code is fetched when the first one opens. */
import { effect, signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { may } from "../shell/me";
import { go } from "../shell/query";
import { changes } from "../shell/state";
import type { ActKind } from "./types";

/** What a dialog begins with. */
export interface ActRequest {
  readonly kind: Exclude<ActKind, "detour">;
  readonly route_id?: string | null;
  readonly trip_id?: string | null;
  readonly vehicle_id?: string | null;
  readonly stop_ids?: readonly string[];
}

/** The dialog that is open, or null. */
export const asked = signal<ActRequest | null>(null);

/** Opens the dialog of an act. */
export function openAct(request: ActRequest): void {
  asked.value = request;
}

/** Opens the room where a detour is drawn. */
export function drawDetour(route_id: string | null = null): void {
  go({ room: "detour" }, { route: route_id });
}

/** Opens the room of messages, addressed to a bus or a route. */
export function writeTo(to: { vehicle_id?: string; route_id?: string }): void {
  go({ room: "messages" }, { to: to.vehicle_id ?? null, toroute: to.route_id ?? null });
}

const dialogs = signal<ComponentType | null>(null);

effect(() => {
  if (asked.value === null || dialogs.peek() !== null) return;
  void import("../rooms/acts/dialog").then(({ ActDialog }) => {
    dialogs.value = ActDialog;
  });
});

const reminders = signal<ComponentType | null>(null);

effect(() => {
  if (!may("dispatcher") || changes.acts.value === 0 || reminders.peek() !== null) return;
  void import("../rooms/acts/endings").then(({ Endings }) => {
    reminders.value = Endings;
  });
});

/** The place of the dialogs and of reminders; the house holds it. */
export function Acting() {
  const Dialogs = dialogs.value;
  const Reminders = reminders.value;
  return (
    <>
      {asked.value !== null && Dialogs && <Dialogs />}
      {Reminders && <Reminders />}
    </>
  );
}
