/** Commands to the vehicle map from other parts of the page. */
import type { VehicleMap } from "./vehicles";

type Act = (map: VehicleMap) => void;

let current: VehicleMap | null = null;
/** What was asked for while there was no map: it is done when the next one is there. */
let waiting: Act | null = null;

/** Tells which map is on the page. */
export function setMap(map: VehicleMap | null): void {
  current = map;
  if (!map) return;
  map.map.once("load", () => {
    if (current === map) waiting?.(map);
    waiting = null;
  });
}

function perform(act: Act): void {
  if (current) act(current);
  else waiting = act;
}

export const mapCommands = {
  fit: () => perform((map) => map.fitNetwork()),
  fitRoute: (id: string) => perform((map) => map.fitRoute(id)),
  goTo: (lon: number, lat: number) => perform((map) => map.goTo(lon, lat)),
  zoom: (by: number) => perform((map) => map.zoom(by)),
};
