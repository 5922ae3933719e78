import { naturalOrder } from "../domain/order";
import type { Network, Route, Stop } from "./types";

interface Feature {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly geometry: { readonly type: string; readonly coordinates: unknown };
}

export interface NetworkDocument {
  readonly bbox?: readonly [number, number, number, number];
  readonly features: readonly Feature[];
}

/** Makes the indexed network of the GeoJSON document; routes in the order a person reads them. */
export function readNetwork(document: NetworkDocument): Network {
  const routes: Route[] = [];
  const stops: Stop[] = [];
  for (const { properties, geometry } of document.features) {
    if (properties["kind"] === "route") {
      const lines = geometry.coordinates as Route["lines"];
      routes.push({ ...(properties as unknown as Omit<Route, "lines">), lines });
    } else if (properties["kind"] === "stop") {
      const [lon, lat] = geometry.coordinates as [number, number];
      stops.push({ ...(properties as unknown as Omit<Stop, "lon" | "lat">), lon, lat });
    }
  }
  routes.sort((a, b) => naturalOrder(a.name, b.name) || naturalOrder(a.id, b.id));
  return {
    routes,
    stops,
    routeById: new Map(routes.map((route) => [route.id, route])),
    stopById: new Map(stops.map((stop) => [stop.id, stop])),
    box: document.bbox ?? null,
  };
}

export const emptyNetwork: Network = readNetwork({ features: [] });

/** The box around a route's lines; null when it has none. */
export function boxOf(route: Route): [number, number, number, number] | null {
  const points = route.lines.flat();
  if (points.length === 0) return null;
  const lons = points.map(([lon]) => lon);
  const lats = points.map(([, lat]) => lat);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}
