/** The map's style: the network is the ground, vehicles lie on top; no tile server, no glyph server. */
import type {
  ExpressionSpecification,
  LayerSpecification,
  Map as Maplibre,
  StyleSpecification,
} from "maplibre-gl";
import type { Network } from "../data/types";
import { glyphColour, lineColour, type Palette } from "./colours";
import type { FleetLayer } from "./fleet-layer";
import { glyphScales } from "./glyphs";
import { exceptionLabelZoom } from "./labels";

const font = ["IBM Plex Sans"];
// The map reads the weight from the first name; the second is the family that has it.
const fontBold = ["IBM Plex Sans SemiBold", "IBM Plex Sans"];

/** Lines of all routes, with the colours that the palette makes of theirs. */
export function routeFeatures(network: Network, palette: Palette): GeoJSON.FeatureCollection {
  return {
    type: "FeatureCollection",
    features: network.routes.map((route) => ({
      type: "Feature",
      properties: {
        id: route.id,
        line: lineColour(route.color, palette),
        strong: glyphColour(route.color, palette),
      },
      geometry: {
        type: "MultiLineString",
        coordinates: route.lines.map((line) => line.map((point) => [...point])),
      },
    })),
  };
}

/** All stops as points. */
export function stopFeatures(network: Network): GeoJSON.FeatureCollection {
  return {
    type: "FeatureCollection",
    features: network.stops.map((stop) => ({
      type: "Feature",
      properties: { id: stop.id, name: stop.name, routes: stop.routes },
      geometry: { type: "Point", coordinates: [stop.lon, stop.lat] },
    })),
  };
}

const zoomed = (...stops: number[]): ExpressionSpecification => [
  "interpolate",
  ["linear"],
  ["zoom"],
  ...stops,
];

/** Layers of the network, bottom up. */
function networkLayers(palette: Palette): LayerSpecification[] {
  return [
    {
      id: "route-lines",
      type: "line",
      source: "routes",
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": ["get", "line"], "line-width": zoomed(9, 0.8, 12, 1.6, 16, 5) },
    },
    {
      id: "route-selected",
      type: "line",
      source: "routes",
      filter: ["==", ["get", "id"], ""],
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": ["get", "strong"], "line-width": zoomed(9, 2, 12, 3.5, 16, 8) },
    },
    {
      id: "stops",
      type: "circle",
      source: "stops",
      minzoom: 13,
      paint: {
        "circle-radius": zoomed(13, 1.5, 16, 4.5),
        "circle-color": palette.ground,
        "circle-stroke-color": palette.muted,
        "circle-stroke-width": zoomed(13, 0.8, 16, 1.5),
      },
    },
    {
      id: "stop-names",
      type: "symbol",
      source: "stops",
      minzoom: 15.2,
      layout: {
        "text-field": ["get", "name"],
        "text-font": font,
        "text-size": 13,
        "text-anchor": "top",
        "text-offset": [0, 0.7],
        "text-max-width": 9,
        "text-optional": true,
      },
      paint: {
        "text-color": palette.ink2,
        "text-halo-color": palette.ground,
        "text-halo-width": 1.5,
      },
    },
  ];
}

/** Layers over and under the vehicles' glyphs: a ring below, labels and the chosen one above. */
function vehicleLayers(palette: Palette): {
  below: LayerSpecification;
  above: LayerSpecification[];
} {
  const text = {
    "text-field": ["get", "label"] as ExpressionSpecification,
    "text-font": fontBold,
    "text-size": zoomed(10, 11, 14, 13),
    "text-anchor": "left" as const,
  };
  const textPaint = {
    "text-color": palette.ink,
    "text-halo-color": palette.ground,
    "text-halo-width": 1.8,
  };
  return {
    below: {
      id: "selected-ring",
      type: "circle",
      source: "selected",
      paint: {
        "circle-radius": zoomed(9, 11, 15, 22),
        "circle-color": palette.ground,
        "circle-opacity": 0.55,
        "circle-stroke-color": palette.ink,
        "circle-stroke-width": 3,
      },
    },
    above: [
      {
        id: "labels",
        type: "symbol",
        source: "labels",
        minzoom: exceptionLabelZoom,
        layout: {
          ...text,
          "text-offset": [1.25, 0],
          "text-padding": 2,
          "symbol-sort-key": ["get", "order"],
        },
        paint: textPaint,
      },
      {
        id: "selected-vehicle",
        type: "symbol",
        source: "selected",
        layout: {
          ...text,
          "text-offset": [1.6, 0],
          "text-allow-overlap": true,
          "icon-image": ["get", "glyph"],
          "icon-rotate": ["get", "bearing"],
          "icon-rotation-alignment": "map",
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
          "icon-size": zoomed(...glyphScales.flat()),
        },
        paint: {
          ...textPaint,
          "icon-color": ["get", "colour"],
          "icon-halo-color": palette.ground,
          "icon-halo-width": 1.2,
        },
      },
    ],
  };
}

export const nothing: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** The whole style, on top of a tile server's style when there is one. */
export function makeStyle(palette: Palette, below: StyleSpecification | null): StyleSpecification {
  const ground: LayerSpecification = {
    id: "ground",
    type: "background",
    paint: { "background-color": palette.ground },
  };
  // Without `glyphs` every text is drawn with the page's own fonts, also that of the tiles.
  // The fleet is drawn on a map that lies flat and points north, so a tilt or a globe is left out.
  const {
    glyphs: _glyphs,
    projection: _projection,
    terrain: _terrain,
    sky: _sky,
    pitch: _pitch,
    bearing: _bearing,
    roll: _roll,
    ...rest
  } = below ?? { version: 8 as const, sources: {}, layers: [] };
  return {
    ...rest,
    sources: {
      ...rest.sources,
      routes: { type: "geojson", data: nothing, tolerance: 0.5 },
      stops: { type: "geojson", data: nothing, buffer: 0 },
    },
    layers: [...(below ? below.layers : [ground]), ...networkLayers(palette)],
  };
}

/** The trail of a bus under the vehicles: a hairline in the order of its true fixes, and the fixes. */
function trailLayers(palette: Palette): LayerSpecification[] {
  return [
    {
      id: "trail-line",
      type: "line",
      source: "trail",
      filter: ["==", ["geometry-type"], "LineString"],
      paint: { "line-color": palette.ink, "line-width": 1, "line-opacity": 0.6 },
    },
    {
      id: "trail-fixes",
      type: "circle",
      source: "trail",
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-radius": zoomed(10, 1.6, 15, 3.2),
        "circle-color": palette.ink,
        "circle-opacity": ["get", "strength"],
      },
    },
    {
      id: "stop-selected",
      type: "circle",
      source: "stops",
      filter: ["==", ["get", "id"], ""],
      paint: {
        "circle-radius": zoomed(10, 6, 16, 9),
        "circle-color": palette.ground,
        "circle-stroke-color": palette.ink,
        "circle-stroke-width": 3,
      },
    },
  ];
}

/** Puts the vehicles on top of the network. */
export function addVehicleLayers(map: Maplibre, palette: Palette, fleet: FleetLayer): void {
  for (const id of ["trail", "labels", "selected"]) {
    map.addSource(id, { type: "geojson", data: nothing, buffer: 0 });
  }
  const { below, above } = vehicleLayers(palette);
  for (const layer of [...trailLayers(palette), below, fleet, ...above]) map.addLayer(layer);
}
