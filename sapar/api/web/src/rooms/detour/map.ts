/** The map of a detour: the old way grey, the new one dashed, stops that are missed crossed out. */
import { effect } from "@preact/signals";
import type { GeoJSONSource } from "maplibre-gl";
import { NetworkMap } from "../../map/base";
import { nothing } from "../../map/style";
import * as state from "../../shell/state";
import { addPoint, drawing } from "./drawing";
import { found, route, step } from "./stage";

type Feature = GeoJSON.Feature;

function line(points: readonly (readonly [number, number])[]): Feature {
  const coordinates = points.map(([lat, lon]) => [lon, lat]);
  return { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } };
}

function stopPoint(id: string): Feature[] {
  const stop = state.network.value.stopById.get(id);
  if (!stop) return [];
  const geometry = { type: "Point" as const, coordinates: [stop.lon, stop.lat] };
  return [{ type: "Feature", properties: { name: stop.name }, geometry }];
}

export class DetourMap extends NetworkMap {
  protected override begin(): void {
    const palette = this.palette();
    const { map } = this;
    for (const id of ["closed", "way", "points", "missed", "served"]) {
      map.addSource(id, { type: "geojson", data: nothing });
    }
    const round = { "line-join": "round", "line-cap": "round" } as const;
    map.addLayer({
      id: "closed",
      type: "line",
      source: "closed",
      layout: round,
      paint: { "line-color": palette.muted, "line-width": 7, "line-opacity": 0.8 },
    });
    map.addLayer({
      id: "way",
      type: "line",
      source: "way",
      layout: { "line-join": "round" },
      paint: { "line-color": palette.ink, "line-width": 5, "line-dasharray": [1.6, 1] },
    });
    map.addLayer({
      id: "points",
      type: "circle",
      source: "points",
      paint: {
        "circle-radius": 6,
        "circle-color": palette.ground,
        "circle-stroke-color": palette.ink,
        "circle-stroke-width": 2.5,
      },
    });
    for (const [id, sign] of [
      ["missed", "×"],
      ["served", "+"],
    ] as const) {
      map.addLayer({
        id: `${id}-ring`,
        type: "circle",
        source: id,
        paint: {
          "circle-radius": 9,
          "circle-color": palette.ground,
          "circle-stroke-color": id === "missed" ? palette.tones.warm2 : palette.ink,
          "circle-stroke-width": 2,
        },
      });
      map.addLayer({
        id,
        type: "symbol",
        source: id,
        layout: {
          "text-field": sign,
          "text-font": ["IBM Plex Sans SemiBold", "IBM Plex Sans"],
          "text-size": 18,
          "text-allow-overlap": true,
        },
        paint: { "text-color": palette.ink },
      });
    }
    map.on("click", (event) => {
      if (step.value !== "draw") return;
      addPoint([event.lngLat.lat, event.lngLat.lng]);
    });
    // Where it stands, for whoever must know what lies where: readers of the page's state.
    const tell = (): void => {
      const { lat, lng } = map.getCenter();
      map.getContainer().dataset["view"] = `${lat},${lng},${map.getZoom()}`;
    };
    map.on("moveend", tell);
    tell();
    this.stops.push(effect(() => this.#drawWay()));
    this.stops.push(effect(() => this.#drawFound()));
    this.stops.push(effect(() => this.#showRoute()));
    this.stops.push(
      effect(() => {
        map.getCanvas().style.cursor = step.value === "draw" ? "crosshair" : "";
      }),
    );
  }

  #put(id: string, features: readonly Feature[]): void {
    const source = this.map.getSource(id) as GeoJSONSource | undefined;
    source?.setData({ type: "FeatureCollection", features: [...features] });
  }

  #drawWay(): void {
    const { path, served } = drawing.value;
    this.#put("way", path.length > 1 ? [line(path)] : []);
    this.#put(
      "points",
      path.map(([lat, lon], number) => ({
        type: "Feature",
        properties: { number },
        geometry: { type: "Point", coordinates: [lon, lat] },
      })),
    );
    this.#put("served", served.flatMap(stopPoint));
  }

  #drawFound(): void {
    const preview = found.value;
    this.#put(
      "closed",
      (preview?.lines ?? []).map((led) => line(led.replaced)),
    );
    this.#put("missed", (preview?.stop_ids ?? []).flatMap(stopPoint));
  }

  #showRoute(): void {
    const id = route.value ?? "";
    this.map.setFilter("route-selected", ["==", ["get", "id"], id]);
    const known = state.network.value.routes.length > 0;
    if (id !== "" && known && !this.stayed) this.fitRoute(id);
    this.stayed = false;
  }
}
