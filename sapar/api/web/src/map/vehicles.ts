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
import { FleetLayer } from "./fleet-layer";
import { drawnAt, Glide, type Track } from "./glide";
import { drawGlyph, glyphIndex, glyphName, shapes } from "./glyphs";
import { mercatorOf, type Point, type Screen, type Sprite } from "./instances";
import { chooseLabels, exceptionLabelZoom, type Label, labelZoom } from "./labels";
import { Pace } from "./pace";
import { addVehicleLayers, nothing } from "./style";

/** A glide is drawn so often; buses move less than a pixel between. */
const frame_ms = 66;
/** With more labels than this they move once a second, and do not glide with their buses. */
const gliding_labels_max = 150;
/** Labels are chosen also beyond the map's border by this share of it, for when it is moved. */
const margin = 0.25;

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

interface Labelled extends Label {
  readonly track: Track;
}

type Feature = GeoJSON.Feature;

function pointAt(track: Track, now: number, properties: GeoJSON.GeoJsonProperties): Feature {
  const { lon, lat } = drawnAt(track, now);
  return { type: "Feature", properties, geometry: { type: "Point", coordinates: [lon, lat] } };
}

function collection(features: Feature[]): GeoJSON.FeatureCollection {
  return { type: "FeatureCollection", features };
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
  readonly #pace = new Pace();
  readonly #choice: Choice;
  #fleet: FleetLayer | null = null;
  #rows: readonly state.Row[] = [];
  #labels: readonly Labelled[] = [];
  /** The source of the chosen vehicle has it. */
  #ringed = false;
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
    this.map.on("moveend", () => {
      this.#remember();
      this.#chooseLabels();
    });
    this.map.on("click", (event) => this.#pick(event.point));
    this.map.on("mousemove", (event) => {
      const cursor = this.#findAt(event.point, 6) === null ? "" : "pointer";
      const { style } = this.map.getCanvas();
      if (style.cursor !== cursor) style.cursor = cursor;
    });
  }

  protected override begin(): void {
    this.#fleet = new FleetLayer(this.palette().ground);
    addVehicleLayers(this.map, this.palette(), this.#fleet);
    this.#addGlyphs();
    this.map.on("render", () => this.#tellDrawn());
    this.stops.push(
      effect(() => this.#drawFilters()),
      effect(() => this.#takeRows()),
      effect(() => this.#drawTrail()),
    );
  }

  protected override rest(): void {
    cancelAnimationFrame(this.#frame);
    super.rest();
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
    const frozen = state.frozen.value;
    const shown = this.#choice.rows();
    const now = performance.now();
    const smooth = !frozen && !this.reduced.matches && !document.hidden && this.#pace.isQuick(now);
    this.#glide.take(
      shown.map(({ vehicle }) => vehicle),
      now,
      smooth,
    );
    if (frozen) this.#glide.settle();
    this.#rows = shown;
    this.#takeSprites(now);
    this.#chooseLabels();
    this.map.getContainer().dataset["vehicles"] = String(shown.length);
    this.map.getCanvas().setAttribute(
      "aria-label",
      untracked(() => t("mapLabel", { n: shown.length })),
    );
    this.#waiting_s = state.fleet.peek()?.time_s ?? null;
    cancelAnimationFrame(this.#frame);
    this.#pace.begin(now);
    this.#frame = requestAnimationFrame((at) => this.#animate(at));
  }

  #takeSprites(now: number): void {
    const chosen = state.selectedBus.peek();
    const sprites: [Sprite[], Sprite[]] = [[], []];
    for (const row of this.#rows) {
      const { vehicle, look } = row;
      const track = this.#glide.track(vehicle.id);
      if (!track || vehicle.id === chosen) continue;
      sprites[look.exception ? 1 : 0].push({
        id: vehicle.id,
        track,
        turn_deg: turnOf(row),
        glyph: glyphIndex(look.shape, look.hollow || state.frozen.value),
        colour: this.#colourOf(row),
      });
    }
    this.#fleet?.instances.take(sprites.flat(), now);
    this.#fleet?.changed();
  }

  #colourOf({ vehicle, look }: state.Row): string {
    const palette = this.palette();
    if (look.tone !== "route") return palette.tones[look.tone];
    const route = state.network.value.routeById.get(vehicle.route_id ?? "");
    return glyphColour(route?.color ?? "", palette);
  }

  /** Chooses the labels of the vehicles that are in view, and puts them there. */
  #chooseLabels(): void {
    const screen = this.#fleet?.screen();
    if (!screen) return;
    const before = new Set(this.#labels.map(({ id }) => id));
    const candidates = untracked(() => this.#labelsInView(screen));
    this.#labels = chooseLabels(candidates, before);
    const now = performance.now();
    // Labels that do not glide with their buses wait for them where they arrive.
    this.#drawLabels(this.#labels.length > gliding_labels_max ? Number.POSITIVE_INFINITY : now);
    this.#drawChosen(now);
  }

  #labelsInView(screen: Screen): Labelled[] {
    const zoom = this.map.getZoom();
    if (zoom < exceptionLabelZoom) return [];
    const { width, height } = this.map.transform;
    const origin = mercatorOf(this.#fleet?.instances.anchor ?? { lon: 0, lat: 0 });
    const labels: Labelled[] = [];
    for (const row of this.#rows) {
      const { id } = row.vehicle;
      const { exception } = row.look;
      const track = this.#glide.track(id);
      if (!track || id === state.selectedBus.value || (!exception && zoom < labelZoom)) continue;
      const place = mercatorOf(track.to);
      const x = (place.x - origin.x) * screen.world_px + screen.x;
      const y = (place.y - origin.y) * screen.world_px + screen.y;
      if (Math.abs(x / width - 0.5) > 0.5 + margin) continue;
      if (Math.abs(y / height - 0.5) > 0.5 + margin) continue;
      labels.push({ id, track, x, y, exception, text: textOf(row) });
    }
    return labels;
  }

  #drawLabels(now: number): void {
    const features = this.#labels.map(({ track, text, exception }) =>
      pointAt(track, now, { label: text, order: exception ? 0 : 1 }),
    );
    this.source("labels").setData(collection(features));
  }

  /** The chosen vehicle lies over all others, in its ring. */
  #drawChosen(now: number): void {
    const chosen = state.selectedBus.peek();
    const row = this.#rows.find(({ vehicle }) => vehicle.id === chosen);
    const track = row && this.#glide.track(row.vehicle.id);
    if (!row || !track) {
      if (this.#ringed) this.source("selected").setData(nothing);
      this.#ringed = false;
      return;
    }
    const { shape, hollow } = row.look;
    const feature = pointAt(track, now, {
      glyph: glyphName(shape, hollow || state.frozen.peek()),
      bearing: turnOf(row),
      colour: this.#colourOf(row),
      label: textOf(row),
    });
    this.source("selected").setData(collection([feature]));
    this.#ringed = true;
  }

  /** Names the state whose vehicles are drawn: what a watcher of the page's speed waits for. */
  #tellDrawn(): void {
    if (this.#waiting_s === null) return;
    this.map.getContainer().dataset["drawn"] = String(this.#waiting_s);
    this.#waiting_s = null;
  }

  #animate(now: number): void {
    this.#pace.frame(now);
    const moving = this.#glide.moving(now);
    if (now - this.#drawn_ms >= frame_ms || !moving) {
      this.#drawn_ms = now;
      this.map.triggerRepaint();
      if (this.#labels.length <= gliding_labels_max) this.#drawLabels(now);
      this.#drawChosen(now);
    }
    if (moving) this.#frame = requestAnimationFrame((at) => this.#animate(at));
  }

  #findAt(point: Point, reach_px: number): string | null {
    const screen = this.#fleet?.screen();
    if (!this.#fleet || !screen) return null;
    const now = performance.now();
    const found = this.#fleet.instances.findNearest(screen, point, reach_px, now);
    const chosen = state.selectedBus.peek();
    const track = chosen === null ? undefined : this.#glide.track(chosen);
    if (!track) return found?.id ?? null;
    const { x, y } = this.map.project(drawnAt(track, now));
    const far_px = Math.hypot(x - point.x, y - point.y);
    return far_px <= (found?.far_px ?? reach_px) ? chosen : (found?.id ?? null);
  }

  #pick(point: Point): void {
    const bus = this.#findAt(point, 14);
    const stop = bus === null ? this.#stopAt(point) : null;
    batch(() => {
      state.select(bus === null ? {} : { bus });
      state.selectedStop.value = stop;
    });
  }

  #stopAt({ x, y }: Point): string | null {
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
    const at = this.findView();
    if (at) this.#choice.onMove?.(at);
  }
}

/** Clockwise from north; 0 for shapes that point nowhere. */
function turnOf({ vehicle, look }: state.Row): number {
  return isPointed(look.shape) ? (vehicle.bearing ?? 0) : 0;
}

function textOf({ vehicle, look, age_s, routeName, headway }: state.Row): string {
  return labelOf(vehicle, routeName, look, state.question.value, () => spell(age_s), headway);
}
