/** An act in one line of words. */
import type { ActRow, What } from "../../desk/types";
import { clockText, momentText } from "../../kit/when";
import * as state from "../../shell/state";
import { t } from "./messages";

export function routeName(id: string | null | undefined): string {
  if (!id) return "";
  return state.network.value.routeById.get(id)?.name ?? id;
}

export function stopName(id: string): string {
  return state.network.value.stopById.get(id)?.name ?? id;
}

/** Names of stops, each once; of many only the first. */
export function stopNames(ids: readonly string[], most = 4): string {
  const names = [...new Set(ids.map(stopName))];
  return names.slice(0, most).join(", ") + (names.length > most ? ", …" : "");
}

function routeOfTrip(trip_id: string | undefined): string {
  const bus = state.fleet.value?.vehicles.find((one) => one.trip_id === trip_id);
  return routeName(bus?.route_id) || (trip_id ?? "");
}

/** `route` and `time` are what the person chose; without them the ids stand in. */
export function aboutWhat(what: What, route = "", time = ""): string {
  switch (what.kind) {
    case "cancel":
      return t("what_cancel", {
        route: route || routeOfTrip(what.trip_id),
        time: time || (what.trip_id ?? ""),
      });
    case "skip":
      return t("what_skip", {
        stops: stopNames(what.stop_ids ?? [], 3),
        route: what.route_id
          ? t("routeName", { route: routeName(what.route_id) })
          : (what.trip_id ?? t("allRoutes")),
      });
    case "extra":
      return t("what_extra", {
        route: route || routeName(what.route_id) || (what.copy_of ?? ""),
        time: time || (what.start_s === undefined ? "" : dayTime(what.start_s)),
      });
    case "swap":
      return t("what_swap", {
        bus: what.vehicle_id ?? "",
        what: what.block_id ?? (time || (what.trip_id ?? "")),
      });
    default:
      return t("what_detour", { route: routeName(what.route_id) });
  }
}

/** Seconds of a service day as a clock. */
export function dayTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

/** An act of the list in words. */
export function aboutRow(row: ActRow): string {
  const time = row.run_start_s === null ? "" : momentText(row.run_start_s);
  return aboutWhat(row.what, routeName(row.run_route_id), time);
}

export function stateText(row: ActRow): string {
  switch (row.state) {
    case "coming":
      return t("state_coming", { time: momentText(row.from_s ?? row.created_s) });
    case "ending":
      return t("state_ending", { time: clockText(row.until_s ?? 0, false) });
    case "over":
      return t("state_over", { time: momentText(row.until_s ?? 0) });
    case "undone":
      return t("state_undone", {
        time: momentText(row.ended_s ?? 0),
        name: row.ended_by ?? "",
      });
    default:
      return t("state_standing");
  }
}

export function periodText(from_s: number | null, until_s: number | null): string {
  return t("fromTo", {
    from: from_s === null ? "…" : momentText(from_s),
    until: until_s === null ? t("openEnd") : momentText(until_s),
  });
}
