/** The map on the page: MapLibre, fed from the state's signals. */
import "maplibre-gl/dist/maplibre-gl.css";
import { effect, untracked } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { AttributionControl, type GeoJSONSource, Map as Maplibre } from "maplibre-gl";
import { boxOf } from "../data/network";
import { isPointed, labelOf } from "../domain/look";
import { t } from "../i18n";
import * as state from "../shell/state";
import { glyphColour, type Palette, palettes } from "./colours";
import { Glide } from "./glide";
import { drawGlyph, glyphName, shapes } from "./glyphs";
import { makeStyle, routeFeatures, stopFeatures } from "./style";

/** With more vehicles than this only the selected one glides; the others move once a second. */
const gliding_max = 700;
const frame_ms = 66;
/** Room around what is fitted: the legend covers the lower left corner of a wide map. */
function paddingOf(width_px: number): { top: number; bottom: number; left: number; right: number } {
  return { top: 40, bottom: 40, left: width_px > 900 ? 310 : 40, right: 60 };
}

/** The map that is on the page, for commands from keys and panels; null while there is none. */
export const current: { view: MapView | null } = { view: null };

interface Drawn {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly id: string;
}

export class MapView {
  readonly #map: Maplibre;
  readonly #glide = new Glide();
  readonly #stop: (() => void)[] = [];
  readonly #reduced = matchMedia("(prefers-reduced-motion: reduce)");
  #drawn: readonly Drawn[] = [];
  #frame = 0;
  #drawn_ms = 0;
  /** Whether the map shows a place that somebody chose: until then its moves are not kept. */
  #placed = false;

  constructor(container: HTMLElement, below: StyleSpecification | null) {
    const at = state.view.value;
    this.#map = new Maplibre({
      container,
      style: makeStyle(this.#palette(), below),
      fadeDuration: 0,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxZoom: 19,
      localIdeographFontFamily: "",
      ...(at ? { center: [at.lon, at.lat], zoom: at.zoom } : {}),
    });
    if (below) this.#map.addControl(new AttributionControl({ compact: true }));
    this.#map.touchZoomRotate.disableRotation();
    this.#map.keyboard.disableRotation();
    this.#map.on("load", () => this.#begin());
    this.#map.on("moveend", () => this.#remember());
    this.#map.on("click", (event) => this.#pick(event.point.x, event.point.y));
    this.#map.on("mousemove", (event) => {
      const found = this.#at(event.point.x, event.point.y, 6);
      this.#map.getCanvas().style.cursor = found ? "pointer" : "";
    });
    const observer = new ResizeObserver(() => this.#map.resize());
    observer.observe(container);
    this.#stop.push(() => observer.disconnect());
  }

  /** Shows the whole network. */
  fitNetwork(): void {
    const box = state.network.value.box;
    if (box) this.#fit(box);
  }

  /** Shows one route. */
  fitRoute(id: string): void {
    const route = state.network.value.routeById.get(id);
    const box = route && boxOf(route);
    if (box) this.#fit(box);
  }

  /** Goes to a place, near enough to tell vehicles apart. */
  goTo(lon: number, lat: number): void {
    this.#map.easeTo({
      center: [lon, lat],
      zoom: Math.max(this.#map.getZoom(), 14.5),
      duration: this.#duration(),
    });
  }

  /** Zooms by whole steps. */
  zoom(by: number): void {
    this.#map.easeTo({ zoom: this.#map.getZoom() + by, duration: this.#duration() });
  }

  remove(): void {
    for (const stop of this.#stop) stop();
    cancelAnimationFrame(this.#frame);
    this.#map.remove();
  }

  #palette(): Palette {
    return palettes[state.theme.value];
  }

  #duration(): number {
    return this.#reduced.matches ? 0 : 300;
  }

  #fit(box: readonly [number, number, number, number]): void {
    this.#map.fitBounds([...box], {
      padding: paddingOf(this.#map.getContainer().clientWidth),
      maxZoom: 16,
      duration: this.#duration(),
    });
  }

  #begin(): void {
    this.#addGlyphs();
    this.#stop.push(
      effect(() => this.#drawNetwork()),
      effect(() => this.#drawFilters()),
      effect(() => this.#takeRows()),
    );
  }

  #addGlyphs(): void {
    for (const shape of shapes) {
      for (const hollow of [false, true]) {
        this.#map.addImage(glyphName(shape, hollow), drawGlyph(shape, hollow), {
          sdf: true,
          pixelRatio: 2,
        });
      }
    }
  }

  #source(id: string): GeoJSONSource {
    return this.#map.getSource(id) as GeoJSONSource;
  }

  #drawNetwork(): void {
    const network = state.network.value;
    this.#source("routes").setData(routeFeatures(network, this.#palette()));
    this.#source("stops").setData(stopFeatures(network));
    if (!network.box || this.#placed) return;
    if (untracked(() => state.view.value) === null) {
      this.#map.fitBounds([...network.box], {
        padding: paddingOf(this.#map.getContainer().clientWidth),
        duration: 0,
      });
    }
    this.#placed = true;
  }

  #drawFilters(): void {
    const hidden = [...state.hidden.value];
    const route = state.selectedRow.value?.vehicle.route_id ?? "";
    this.#map.setFilter("route-lines", ["!", ["in", ["get", "id"], ["literal", hidden]]]);
    this.#map.setFilter("route-selected", ["==", ["get", "id"], route]);
  }

  /** Takes what the state says of all vehicles: what to draw, and where it glides to. */
  #takeRows(): void {
    const palette = this.#palette();
    const routes = state.network.value.routeById;
    const frozen = state.frozen.value;
    const question = state.question.value;
    const shown = state.shownRows.value.filter(state.isOnMap);
    this.#drawn = shown.map(({ vehicle, look, age_s, routeName }) => ({
      id: vehicle.id,
      properties: {
        id: vehicle.id,
        glyph: glyphName(look.shape, look.hollow || frozen),
        bearing: isPointed(look.shape) ? (vehicle.bearing ?? 0) : 0,
        colour:
          look.tone === "route"
            ? glyphColour(routes.get(vehicle.route_id ?? "")?.color ?? "", palette)
            : palette.tones[look.tone],
        label: labelOf(vehicle, routeName, look, question, state.spell(age_s)),
        exception: look.exception,
        order: look.exception ? 1 : 0,
      },
    }));
    const now = performance.now();
    const smooth = !frozen && !this.#reduced.matches && !document.hidden;
    const fixes = shown.map(({ vehicle }) => vehicle);
    this.#glide.take(fixes, now, smooth && fixes.length <= gliding_max);
    if (frozen) this.#glide.settle();
    this.#map.getContainer().dataset["vehicles"] = String(shown.length);
    this.#map.getCanvas().setAttribute(
      "aria-label",
      untracked(() => t("mapLabel", { n: shown.length })),
    );
    this.#draw(now);
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame((at) => this.#animate(at));
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
      const isChosen = id === state.selected.peek();
      (isChosen ? chosen : features).push({
        type: "Feature",
        properties,
        geometry: { type: "Point", coordinates: [at.lon, at.lat] },
      });
    }
    this.#source("vehicles").setData({ type: "FeatureCollection", features });
    this.#source("selected").setData({ type: "FeatureCollection", features: chosen });
  }

  #at(x: number, y: number, reach: number): string | null {
    if (!this.#map.getLayer("vehicles")) return null;
    const found = this.#map.queryRenderedFeatures(
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
        const point = this.#map.project([lon, lat]);
        return { id: String(feature.properties["id"]), far: Math.hypot(point.x - x, point.y - y) };
      })
      .sort((a, b) => a.far - b.far)[0];
    return nearest?.id ?? null;
  }

  #pick(x: number, y: number): void {
    state.selected.value = this.#at(x, y, 14);
  }

  #remember(): void {
    if (!this.#placed) return;
    const { lng, lat } = this.#map.getCenter();
    state.view.value = { lon: lng, lat, zoom: this.#map.getZoom() };
  }
}
