/** Which vehicles the map and its list show. */
import { computed, signal } from "@preact/signals";
import { type Phase, phases } from "../../data/types";
import { choiceParam, flagParam, param, setParam, textParam } from "../../shell/query";
import * as state from "../../shell/state";

const room = "map";

export interface View {
  readonly lat: number;
  readonly lon: number;
  readonly zoom: number;
}

const shownAs = choiceParam("view", room, ["map", "list"]);
export const listShown = computed(() => shownAs.value === "list");
export function showList(on: boolean): void {
  shownAs.value = on ? "list" : "map";
}
export const exceptionsOnly = flagParam("exceptions", room);
/** The depot whose vehicles alone are shown; null for all. */
export const depot = textParam("depot", room);
/** The same where it is known of vehicles: a replayed moment tells of none. */
const depotHere = computed(() => (state.replaying.value ? null : depot.value));
/** Routes that are switched off; "" stands for vehicles without a route. */
export const hidden = setParam("hide", room);
/** States that are switched off. */
export const hiddenPhases = setParam<Phase>("hide_state", room, (value): value is Phase =>
  phases.some((phase) => phase === value),
);
export const view = param<View | null>("at", room, ([text]) => readView(text), writeView);
export const webglMissing = signal(false);

/** Reads a place "50.28,57.17,13.5"; null when it is none. */
export function readView(text: string | undefined): View | null {
  const numbers = (text ?? "").split(",").map(Number);
  const [lat, lon, zoom] = numbers;
  if (numbers.length !== 3 || lat === undefined || lon === undefined || zoom === undefined) {
    return null;
  }
  const valid = Math.abs(lat) <= 85 && Math.abs(lon) <= 180 && zoom >= 0 && zoom <= 22;
  return valid ? { lat, lon, zoom } : null;
}

function writeView(at: View | null): readonly string[] {
  return at ? [`${at.lat.toFixed(5)},${at.lon.toFixed(5)},${at.zoom.toFixed(2)}`] : [];
}

/** The vehicles that the filters leave. */
export const shownRows = computed<readonly state.Row[]>(() =>
  state.rows.value.filter(
    ({ vehicle, look }) =>
      vehicle.id === state.selectedBus.value ||
      ((depotHere.value === null || vehicle.depot === depotHere.value) &&
        !hidden.value.has(vehicle.route_id ?? "") &&
        !hiddenPhases.value.has(vehicle.phase) &&
        (!exceptionsOnly.value || look.exception)),
  ),
);

/** Whether vehicles are left out by what they are, not by how they do. */
export const narrowed = computed(
  () => depotHere.value !== null || hidden.value.size + hiddenPhases.value.size > 0,
);

/** Whether a row can be on the map: a fix over five minutes old says no more where the vehicle is. */
export function isOnMap({ look, vehicle }: state.Row): boolean {
  return look.age !== "gone" || vehicle.id === state.selectedBus.value;
}
