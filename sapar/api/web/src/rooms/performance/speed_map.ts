/** The map of speeds: a line from stop to stop, coloured by what buses make on it. */
import type { MapMouseEvent } from "maplibre-gl";
import { NetworkMap } from "../../map/base";
import { nothing } from "../../map/style";
import { type Kind, toneOf } from "./speed_classes";

export class SpeedMap extends NetworkMap {
  onPick: (key: string) => void = () => undefined;
  #features: GeoJSON.FeatureCollection = nothing;
  #kind: Kind = "speed";
  #begun = false;

  /** Shows segments by speed or by its change. */
  show(features: GeoJSON.FeatureCollection, kind: Kind): void {
    this.#features = features;
    this.#kind = kind;
    if (!this.#begun) return;
    this.source("segments").setData(features);
    this.map.setPaintProperty("segments", "line-color", this.#colours());
    this.map.getContainer().dataset["segments"] = String(features.features.length);
  }

  protected override begin(): void {
    this.map.addSource("segments", { type: "geojson", data: nothing, buffer: 8 });
    this.map.addLayer({
      id: "segments",
      type: "line",
      source: "segments",
      layout: { "line-cap": "round" },
      paint: {
        "line-color": this.#colours(),
        "line-width": ["interpolate", ["linear"], ["zoom"], 10, 2, 13, 5, 16, 9],
        // There and back lie beside each other.
        "line-offset": ["interpolate", ["linear"], ["zoom"], 10, 1.2, 13, 3.5, 16, 6],
      },
    });
    this.map.on("click", "segments", (event: MapMouseEvent & { features?: unknown[] }) => {
      const [feature] = (event.features ?? []) as { properties: { key: string } }[];
      if (feature) this.onPick(feature.properties.key);
    });
    this.map.on("mousemove", (event) => {
      const on = this.map.queryRenderedFeatures(event.point, { layers: ["segments"] }).length > 0;
      this.map.getCanvas().style.cursor = on ? "pointer" : "";
    });
    this.#begun = true;
    this.show(this.#features, this.#kind);
  }

  protected override rest(): void {
    this.#begun = false;
    super.rest();
  }

  #colours(): maplibregl.ExpressionSpecification {
    const tones = this.palette().tones;
    const pairs = [0, 1, 2, 3, 4].flatMap((number) => [number, tones[toneOf(number)]]);
    return ["match", ["get", "class"], ...pairs, tones.even] as never;
  }
}
