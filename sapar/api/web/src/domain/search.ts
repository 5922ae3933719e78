/** Finds buses, routes, stops, drivers and trips by what a person types. */
import type { Ghost } from "../data/console";
import type { Network, Vehicle } from "../data/types";
import { naturalOrder } from "./order";

export type Hit =
  | { readonly kind: "bus"; readonly id: string; readonly name: string; readonly note: string }
  | { readonly kind: "route"; readonly id: string; readonly name: string; readonly note: string }
  | { readonly kind: "stop"; readonly id: string; readonly name: string; readonly note: string }
  /** A driver; `id` is the bus. */
  | { readonly kind: "driver"; readonly id: string; readonly name: string; readonly note: string }
  /** A run; `id` is the trip, `bus` who drives it, or null for a run without one. */
  | {
      readonly kind: "trip";
      readonly id: string;
      readonly name: string;
      readonly note: string;
      readonly bus: string | null;
    };

const most = 12;

/** Folds case, so that "АБАЙ" finds "Абай"; the letters of Kazakh stay what they are. */
function fold(text: string): string {
  return text.toLocaleLowerCase("kk").trim();
}

/** 0 exact, 1 begins, 2 a word begins, 3 within, null not at all. */
function rank(text: string, wanted: string): number | null {
  const folded = fold(text);
  if (folded === wanted) return 0;
  const at = folded.indexOf(wanted);
  if (at < 0) return null;
  if (at === 0) return 1;
  return /[\s\-/(«"]/.test(folded[at - 1] ?? "") ? 2 : 3;
}

/** Gives the best hits first; buses before routes before stops where they are equally good. */
export function search(
  text: string,
  network: Network,
  vehicles: readonly Vehicle[],
  ghosts: readonly Pick<Ghost, "trip_id" | "route_id" | "headsign">[] = [],
): Hit[] {
  const wanted = fold(text);
  if (wanted === "") return [];
  const found: { hit: Hit; rank: number; kind: number }[] = [];
  const consider = (hit: Hit, kind: number, names: readonly string[]): void => {
    const ranks = names.map((name) => rank(name, wanted)).filter((one) => one !== null);
    if (ranks.length > 0) found.push({ hit, kind, rank: Math.min(...ranks) });
  };
  for (const vehicle of vehicles) {
    const name = vehicle.label ?? vehicle.id;
    const route = network.routeById.get(vehicle.route_id ?? "")?.name ?? "";
    consider({ kind: "bus", id: vehicle.id, name, note: route }, 0, [name, vehicle.id]);
  }
  for (const { id, label, driver_id, trip_id } of vehicles) {
    const bus = label ?? id;
    if (driver_id) {
      consider({ kind: "driver", id, name: driver_id, note: bus }, 3, [driver_id]);
    }
    if (trip_id !== null) {
      consider({ kind: "trip", id: trip_id, name: trip_id, note: bus, bus: id }, 4, [trip_id]);
    }
  }
  for (const { trip_id: id, route_id, headsign } of ghosts) {
    const note = `${network.routeById.get(route_id)?.name ?? route_id} ${headsign ?? ""}`.trim();
    consider({ kind: "trip", id, name: id, note, bus: null }, 4, [id]);
  }
  for (const route of network.routes) {
    const names = [route.name, route.long_name];
    consider({ kind: "route", id: route.id, name: route.name, note: route.long_name }, 1, names);
  }
  for (const stop of network.stops) {
    const note = stop.routes.map((id) => network.routeById.get(id)?.name ?? id).sort(naturalOrder);
    consider({ kind: "stop", id: stop.id, name: stop.name, note: note.join(", ") }, 2, [stop.name]);
  }
  found.sort((a, b) => a.rank - b.rank || a.kind - b.kind || naturalOrder(a.hit.name, b.hit.name));
  return found.slice(0, most).map((one) => one.hit);
}
