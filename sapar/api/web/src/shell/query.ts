/**
 * The address bar: city and room in the path, selection and view in the query, so that a link shows
 * the same. Each part of the page binds its own parameters to signals; those of a room are written
 * only while it is open, and are as they were when it is opened again.
 */
import { effect, type Signal, signal } from "@preact/signals";
import { type Bound, type Place, readPath, writePath, writeQuery } from "./path";

const bounds: Bound[] = [];
const first = readPath(location.pathname);
const known = signal(0);

/** The city of the path and the room on the screen. */
export const place = signal<Place>(first);

/** Binds a parameter to a signal; `room` names the room that it belongs to, null every room. */
export function param<T>(
  name: string,
  room: string | null,
  read: (values: readonly string[]) => T,
  write: (value: T) => readonly string[],
): Signal<T> {
  const mine = room === null || room === place.peek().room;
  const given = mine ? new URLSearchParams(location.search).getAll(name) : [];
  const held = signal(read(given));
  bounds.push({
    name,
    room,
    write: () => write(held.value),
    read: (values) => {
      held.value = read(values);
    },
  });
  known.value += 1;
  return held;
}

/** A parameter that is a text, or absent. */
export function textParam(name: string, room: string | null): Signal<string | null> {
  return param<string | null>(
    name,
    room,
    ([value]) => value ?? null,
    (value) => (value === null ? [] : [value]),
  );
}

/** A parameter that is there or not. */
export function flagParam(name: string, room: string | null): Signal<boolean> {
  return param(
    name,
    room,
    (values) => values.length > 0,
    (on) => (on ? [""] : []),
  );
}

/** A parameter that may be repeated. */
export function setParam<T extends string = string>(
  name: string,
  room: string | null,
  allowed: (value: string) => value is T = (_value): _value is T => true,
): Signal<ReadonlySet<T>> {
  return param<ReadonlySet<T>>(
    name,
    room,
    (values) => new Set(values.filter(allowed)),
    (chosen) => [...chosen],
  );
}

/** A parameter that is one of some words; the first is the default and is not written. */
export function choiceParam<T extends string>(
  name: string,
  room: string | null,
  choices: readonly [T, ...T[]],
): Signal<T> {
  return param<T>(
    name,
    room,
    ([value]) => choices.find((one) => one === value) ?? choices[0],
    (value) => (value === choices[0] ? [] : [value]),
  );
}

/** Opens a room, or another city; `query` sets bound parameters on the way. */
export function go(to: Partial<Place>, query: Readonly<Record<string, string | null>> = {}): void {
  const next = { ...place.peek(), ...to };
  for (const [name, value] of Object.entries(query)) {
    for (const one of bounds) {
      if (one.name === name && (one.room === null || one.room === next.room)) {
        one.read(value === null ? [] : [value]);
      }
    }
  }
  const now = new URLSearchParams(location.search);
  let text = writeQuery(now, bounds, next.room, true);
  // Parameters of a room whose code has not been fetched yet: it will read them from the address.
  for (const [name, value] of Object.entries(query)) {
    const isBound = bounds.some(
      (one) => one.name === name && (one.room ?? next.room) === next.room,
    );
    if (value !== null && !isBound) {
      text += `${text === "" ? "?" : "&"}${new URLSearchParams([[name, value]])}`;
    }
  }
  history.pushState(null, "", writePath(next) + text);
  place.value = next;
}

/** Where a link to a room leads; for `href`, so that it can be opened beside. */
export function hrefOf(room: string): string {
  return writePath({ ...place.value, room });
}

/** Keeps the query in step with the signals, and the signals with the browser's own back and forth. */
export function keepAddress(): void {
  effect(() => {
    void known.value;
    const query = writeQuery(new URLSearchParams(location.search), bounds, place.value.room, false);
    if (query !== location.search) {
      history.replaceState(null, "", location.pathname + query + location.hash);
    }
  });
  addEventListener("popstate", () => {
    const next = readPath(location.pathname);
    const query = new URLSearchParams(location.search);
    for (const one of bounds) {
      if (one.room === null || one.room === next.room) one.read(query.getAll(one.name));
    }
    place.value = next;
  });
}
