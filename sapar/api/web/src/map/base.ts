/** The map under every room: MapLibre with the city's own network as its ground. */
import "maplibre-gl/dist/maplibre-gl.css";
import { effect } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { AttributionControl, type GeoJSONSource, Map as Maplibre } from "maplibre-gl";
import { boxOf } from "../data/network";
import * as state from "../shell/state";
import { type Palette, palettes } from "./colours";
import { makeStyle, routeFeatures, stopFeatures } from "./style";

export interface View {
  readonly lat: number;
  readonly lon: number;
  readonly zoom: number;
}

export type Box = readonly [west: number, south: number, east: number, north: number];

export class NetworkMap {
  readonly map: Maplibre;
  protected readonly stops: (() => void)[] = [];
  protected readonly reduced = matchMedia("(prefers-reduced-motion: reduce)");
  /** Whether the map shows a place that somebody chose: until then its moves are not kept. */
  protected placed: boolean;
  /** Whether it began where another map was: it does not go anywhere of its own then. */
  protected stayed = false;

  /**
   * @param at where to begin; the whole network without
   * @param below a tile server's style, or null
   */
  constructor(container: HTMLElement, below: StyleSpecification | null, at: View | null) {
    this.placed = at !== null;
    this.map = new Maplibre({
      container,
      style: makeStyle(this.palette(), below),
      fadeDuration: 0,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxZoom: 19,
      localIdeographFontFamily: "",
      ...(at ? { center: [at.lon, at.lat], zoom: at.zoom } : {}),
    });
    if (below) this.map.addControl(new AttributionControl({ compact: true }));
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.on("load", () => {
      this.stops.push(effect(() => this.#drawNetwork()));
      this.begin();
    });
    this.map.on("webglcontextlost", () => this.rest());
    const observer = new ResizeObserver(() => this.map.resize());
    observer.observe(container);
    this.stops.push(() => observer.disconnect());
  }

  /** Called once the style is there: sources and layers may be added. */
  protected begin(): void {}

  /** Shows the whole network. */
  fitNetwork(): void {
    const box = state.network.value.box;
    if (box) this.fit(box);
  }

  /** Shows one route. */
  fitRoute(id: string): void {
    const route = state.network.value.routeById.get(id);
    const box = route && boxOf(route);
    if (box) this.fit(box);
  }

  /** The place that is shown; null while none was chosen, by a person or by the network's bounds. */
  findView(): View | null {
    if (!this.placed) return null;
    const { lng, lat } = this.map.getCenter();
    return { lon: lng, lat, zoom: this.map.getZoom() };
  }

  /** Begins where the map before it was. */
  stay({ lon, lat, zoom }: View): void {
    this.placed = this.stayed = true;
    this.map.jumpTo({ center: [lon, lat], zoom });
  }

  /** Goes to a place, near enough to tell vehicles apart. */
  goTo(lon: number, lat: number): void {
    this.map.easeTo({
      center: [lon, lat],
      zoom: Math.max(this.map.getZoom(), 14.5),
      duration: this.duration(),
    });
  }

  /** Zooms by whole steps. */
  zoom(by: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + by, duration: this.duration() });
  }

  /** Shows a box. */
  fit(box: Box, duration_ms = this.duration()): void {
    // The legend covers the lower left corner of a wide map.
    const left = this.map.getContainer().clientWidth > 900 ? 310 : 40;
    this.map.fitBounds([...box], {
      padding: { top: 40, bottom: 40, left, right: 60 },
      maxZoom: 16,
      duration: duration_ms,
    });
  }

  /** The theme's colours. */
  palette(): Palette {
    return palettes[state.theme.value];
  }

  /** A GeoJSON source by its id. */
  source(id: string): GeoJSONSource {
    return this.map.getSource(id) as GeoJSONSource;
  }

  remove(): void {
    this.rest();
    this.map.remove();
  }

  /** Follows nothing any more: there is nothing to draw on, and another map takes this one's place. */
  protected rest(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  protected duration(): number {
    return this.reduced.matches ? 0 : 300;
  }

  #drawNetwork(): void {
    const network = state.network.value;
    this.source("routes").setData(routeFeatures(network, this.palette()));
    this.source("stops").setData(stopFeatures(network));
    if (!network.box) return;
    if (!this.placed) this.fit(network.box, 0);
    this.placed = true;
  }
}
