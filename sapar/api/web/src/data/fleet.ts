import type { Fleet } from "./types";

/**
 * Gives `next` with the last known direction of vehicles that tell none: a receiver knows its course
 * only while it moves, and a bus at a stop still faces where it was going.
 */
export function keepDirections(previous: Fleet | null, next: Fleet): Fleet {
  if (!previous) return next;
  const known = new Map(previous.vehicles.map((vehicle) => [vehicle.id, vehicle.bearing]));
  const vehicles = next.vehicles.map((vehicle) =>
    vehicle.bearing === null ? { ...vehicle, bearing: known.get(vehicle.id) ?? null } : vehicle,
  );
  return { ...next, vehicles };
}
