/** Segments as what the map draws. */
import type { Network } from "../../data/types";
import { classOf, type Kind } from "./speed_classes";
import type { Segment } from "./types";

/** Segments as lines between their stops; those without a place are left out. */
export function segmentFeatures(
  segments: readonly Segment[],
  network: Network,
  kind: Kind,
): GeoJSON.FeatureCollection {
  const features: GeoJSON.Feature[] = [];
  for (const segment of segments) {
    const from = network.stopById.get(segment.from_stop_id);
    const to = network.stopById.get(segment.to_stop_id);
    const found = classOf(segment, kind);
    if (!from || !to || found === null) continue;
    features.push({
      type: "Feature",
      properties: { key: keyOf(segment), class: found },
      geometry: {
        type: "LineString",
        coordinates: [
          [from.lon, from.lat],
          [to.lon, to.lat],
        ],
      },
    });
  }
  return { type: "FeatureCollection", features };
}

export function keyOf(segment: Segment): string {
  return `${segment.from_stop_id} ${segment.to_stop_id}`;
}
