import { writeTo } from "../../desk/acting";
import { questions } from "../../domain/look";
import { t } from "../../i18n";
import { mapCommands } from "../../map/commands";
import { may } from "../../shell/me";
import * as state from "../../shell/state";
import { trailShown } from "../../vehicle/trail";
import type { Room, RoomKey } from "../room";
import * as filters from "./filters";
import { List, listRows } from "./list";
import "./room.css";
import { Side } from "./side";
import { Stage } from "./stage";

function View() {
  const list = filters.listShown.value || filters.webglMissing.value;
  return (
    <div class="map-room">
      <Side />
      {list ? <List /> : <Stage />}
    </div>
  );
}

/** Selects the next of the rows, and shows where it is. */
function step(by: number, exceptions: boolean): void {
  const rows = listRows().filter(({ look }) => !exceptions || look.exception);
  if (rows.length === 0) return;
  const at = rows.findIndex(({ vehicle }) => vehicle.id === state.selectedBus.value);
  const first = by > 0 ? 0 : rows.length - 1;
  const next = rows[at < 0 ? first : (at + by + rows.length) % rows.length];
  if (!next) return;
  state.select({ bus: next.vehicle.id });
  mapCommands.goTo(next.vehicle.lon, next.vehicle.lat);
}

function nextQuestion(): void {
  const at = questions.indexOf(state.question.value);
  state.question.value = questions[(at + 1) % questions.length] ?? questions[0];
}

const keys: readonly RoomKey[] = [
  { code: "KeyC", label: "C", text: () => t("keyQuestion"), run: nextQuestion },
  {
    code: "KeyA",
    label: "A",
    text: () => t("keyExceptions"),
    run: () => {
      filters.exceptionsOnly.value = !filters.exceptionsOnly.value;
    },
  },
  { code: "KeyN", label: "N", text: () => t("keyNext"), run: () => step(1, true) },
  { code: "KeyJ", label: "J", text: () => t("keyNextRow"), run: () => step(1, false) },
  { code: "KeyK", label: "K", text: () => t("keyPreviousRow"), run: () => step(-1, false) },
  {
    code: "KeyT",
    label: "T",
    text: () => t("keyTrail"),
    run: () => {
      trailShown.value = !trailShown.value;
    },
  },
  {
    code: "KeyM",
    label: "M",
    text: () => t("keyMessage"),
    run: () => {
      const id = state.selectedBus.value;
      if (id !== null && may("dispatcher")) writeTo({ vehicle_id: id });
    },
  },
  { code: "Digit0", label: "0", text: () => t("keyFit"), run: mapCommands.fit },
];

export const room: Room = {
  View,
  keys,
  panel: true,
  find(hit) {
    if (hit.kind === "trip" && hit.bus === null) {
      state.select({ trip: hit.id });
    } else if (hit.kind === "bus" || hit.kind === "driver" || hit.kind === "trip") {
      state.select({ bus: hit.kind === "trip" ? (hit.bus ?? "") : hit.id });
      const vehicle = state.selectedRow.value?.vehicle;
      if (vehicle) mapCommands.goTo(vehicle.lon, vehicle.lat);
    } else if (hit.kind === "route") {
      const shown = new Set(filters.hidden.value);
      shown.delete(hit.id);
      filters.hidden.value = shown;
      mapCommands.fitRoute(hit.id);
    } else {
      state.select();
      state.selectedStop.value = hit.id;
      const stop = state.network.value.stopById.get(hit.id);
      if (stop) mapCommands.goTo(stop.lon, stop.lat);
    }
    return true;
  },
};
