/** The vehicles on the map, fed from the state's signals. */
import { batch, effect, untracked } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { isPointed, labelOf } from "../domain/look";
import { t } from "../i18n";
import { spell } from "../kit/when";
import * as state from "../shell/state";
import { type TrailPoint, trail } from "../vehicle/trail";
import { NetworkMap, type View } from "./base";
import { glyphColour } from "./colours";
import { Glide } from "./glide";
import { drawGlyph, glyphName, shapes } from "./glyphs";
import { addVehicleLayers } from "./style";

/** With more vehicles than this only the selected one glides; the others move once a second. */
const gliding_max = 700;
const frame_ms = 66;

/** Where a bus has been, older fixes fainter; a hole of two minutes in its fixes stays a hole. */
export function trailFeatures(points: readonly TrailPoint[]): GeoJSON.FeatureCollection {
  const lines: [number, number][][] = [[]];
  const features: GeoJSON.Feature[] = [];
  const end_s = points.at(-1)?.[0] ?? 0;
  let before_s = points[0]?.[0] ?? 0;
  for (const [time_s, lat, lon] of points) {
    if (time_s - before_s > 120) lines.push([]);
    before_s = time_s;
    lines.at(-1)?.push([lon, lat]);
    features.push({
      type: "Feature",
      properties: { strength: Math.max(0.25, 1 - (end_s - time_s) / 2400) },
      geometry: { type: "Point", coordinates: [lon, lat] },
    });
  }
  for (const line of lines) {
    if (line.length < 2) continue;
    const geometry = { type: "LineString" as const, coordinates: line };
    features.push({ type: "Feature", properties: {}, geometry });
  }
  return { type: "FeatureCollection", features };
}

interface Drawn {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly id: string;
}

/** What the room says of the map; read inside effects, so that signals in it are followed. */
export interface Choice {
  /** The vehicles to draw. */
  rows(): readonly state.Row[];
  /** Routes whose lines are not drawn. */
  hiddenRoutes(): ReadonlySet<string>;
  /** Where the map was moved to. */
  onMove?(view: View): void;
}

export class VehicleMap extends NetworkMap {
  readonly #glide = new Glide();
  readonly #choice: Choice;
  #drawn: readonly Drawn[] = [];
  #frame = 0;
  #drawn_ms = 0;
  #waiting_s: number | null = null;

  constructor(
    container: HTMLElement,
    below: StyleSpecification | null,
    at: View | null,
    choice: Choice,
  ) {
    super(container, below, at);
    this.#choice = choice;
    this.map.on("moveend", () => this.#remember());
    this.map.on("click", (event) => this.#pick(event.point.x, event.point.y));
    this.map.on("mousemove", (event) => {
      const found = this.#at(event.point.x, event.point.y, 6);
      this.map.getCanvas().style.cursor = found ? "pointer" : "";
    });
  }

  protected override begin(): void {
    addVehicleLayers(this.map, this.palette());
    this.#addGlyphs();
    this.map.on("render", () => this.#tellDrawn());
    this.stops.push(
      effect(() => this.#drawFilters()),
      effect(() => this.#takeRows()),
      effect(() => this.#drawTrail()),
    );
  }

  override remove(): void {
    cancelAnimationFrame(this.#frame);
    super.remove();
  }

  #addGlyphs(): void {
    for (const shape of shapes) {
      for (const hollow of [false, true]) {
        this.map.addImage(glyphName(shape, hollow), drawGlyph(shape, hollow), {
          sdf: true,
          pixelRatio: 2,
        });
      }
    }
  }

  #drawTrail(): void {
    this.source("trail").setData(trailFeatures(trail.value?.points ?? []));
  }

  #drawFilters(): void {
    const hidden = [...this.#choice.hiddenRoutes()];
    const route = state.selectedRow.value?.vehicle.route_id ?? state.selectedRoute.value ?? "";
    this.map.setFilter("route-lines", ["!", ["in", ["get", "id"], ["literal", hidden]]]);
    this.map.setFilter("stop-selected", ["==", ["get", "id"], state.selectedStop.value ?? ""]);
    this.map.setFilter("route-selected", ["==", ["get", "id"], route]);
  }

  /** Takes what the state says of all vehicles: what to draw, and where it glides to. */
  #takeRows(): void {
    const palette = this.palette();
    const routes = state.network.value.routeById;
    const frozen = state.frozen.value;
    const question = state.question.value;
    const shown = this.#choice.rows();
    this.#drawn = shown.map(({ vehicle, look, age_s, routeName, headway }) => ({
      id: vehicle.id,
      properties: {
        id: vehicle.id,
        glyph: glyphName(look.shape, look.hollow || frozen),
        bearing: isPointed(look.shape) ? (vehicle.bearing ?? 0) : 0,
        colour:
          look.tone === "route"
            ? glyphColour(routes.get(vehicle.route_id ?? "")?.color ?? "", palette)
            : palette.tones[look.tone],
        label: labelOf(vehicle, routeName, look, question, () => spell(age_s), headway),
        exception: look.exception,
        order: look.exception ? 1 : 0,
      },
    }));
    const now = performance.now();
    const smooth = !frozen && !this.reduced.matches && !document.hidden;
    const fixes = shown.map(({ vehicle }) => vehicle);
    this.#glide.take(fixes, now, smooth && fixes.length <= gliding_max);
    if (frozen) this.#glide.settle();
    this.map.getContainer().dataset["vehicles"] = String(shown.length);
    this.map.getCanvas().setAttribute(
      "aria-label",
      untracked(() => t("mapLabel", { n: shown.length })),
    );
    this.#draw(now);
    this.#waiting_s = state.fleet.peek()?.time_s ?? null;
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame((at) => this.#animate(at));
  }

  /** Names the state whose vehicles are drawn: what a watcher of the page's speed waits for. */
  #tellDrawn(): void {
    if (this.#waiting_s === null || !this.map.isSourceLoaded("vehicles")) return;
    this.map.getContainer().dataset["drawn"] = String(this.#waiting_s);
    this.#waiting_s = null;
  }

  #animate(now: number): void {
    if (now - this.#drawn_ms >= frame_ms) this.#draw(now);
    if (this.#glide.moving(now)) this.#frame = requestAnimationFrame((at) => this.#animate(at));
    else this.#draw(now);
  }

  #draw(now: number): void {
    this.#drawn_ms = now;
    const features: GeoJSON.Feature[] = [];
    const chosen: GeoJSON.Feature[] = [];
    for (const { id, properties } of this.#drawn) {
      const at = this.#glide.at(id, now);
      if (!at) continue;
      const isChosen = id === state.selectedBus.peek();
      (isChosen ? chosen : features).push({
        type: "Feature",
        properties,
        geometry: { type: "Point", coordinates: [at.lon, at.lat] },
      });
    }
    this.source("vehicles").setData({ type: "FeatureCollection", features });
    this.source("selected").setData({ type: "FeatureCollection", features: chosen });
  }

  #at(x: number, y: number, reach: number): string | null {
    if (!this.map.getLayer("vehicles")) return null;
    const found = this.map.queryRenderedFeatures(
      [
        [x - reach, y - reach],
        [x + reach, y + reach],
      ],
      { layers: ["vehicles", "selected-vehicle"] },
    );
    const nearest = found
      .filter((feature) => feature.geometry.type === "Point")
      .map((feature) => {
        const [lon, lat] = (feature.geometry as GeoJSON.Point).coordinates as [number, number];
        const point = this.map.project([lon, lat]);
        return { id: String(feature.properties["id"]), far: Math.hypot(point.x - x, point.y - y) };
      })
      .sort((a, b) => a.far - b.far)[0];
    return nearest?.id ?? null;
  }

  #pick(x: number, y: number): void {
    const bus = this.#at(x, y, 14);
    const stop = bus === null ? this.#stopAt(x, y) : null;
    batch(() => {
      state.select(bus === null ? {} : { bus });
      state.selectedStop.value = stop;
    });
  }

  #stopAt(x: number, y: number): string | null {
    const reach = 8;
    const [found] = this.map.queryRenderedFeatures(
      [
        [x - reach, y - reach],
        [x + reach, y + reach],
      ],
      { layers: ["stops"] },
    );
    return found ? String(found.properties["id"]) : null;
  }

  #remember(): void {
    if (!this.placed) return;
    const { lng, lat } = this.map.getCenter();
    this.#choice.onMove?.({ lon: lng, lat, zoom: this.map.getZoom() });
  }
}
