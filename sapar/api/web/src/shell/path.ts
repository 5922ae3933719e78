/** Paths and queries as text; pure, for `query.ts`. */

export interface Place {
  /** As the path names it; null means the deployment's default city. */
  readonly agency: string | null;
  readonly room: string;
}

export const firstRoom = "map";

/** Reads a path: `/`, `/{agency}/`, `/console/{room}`, `/{agency}/console/{room}`. */
export function readPath(path: string): Place {
  const found = /^(?:\/([a-z0-9][a-z0-9-]{0,31}))??\/(?:console\/([a-z0-9-]+)\/?)?$/.exec(path);
  return { agency: found?.[1] ?? null, room: found?.[2] ?? firstRoom };
}

/** Writes a path; the map of a city is its first page. */
export function writePath({ agency, room }: Place): string {
  const city = agency === null ? "" : `/${agency}`;
  return room === firstRoom ? `${city}/` : `${city}/console/${room}`;
}

/** A parameter of the query as text values. */
export interface Bound {
  readonly name: string;
  /** The room that it belongs to; null for those of every room. */
  readonly room: string | null;
  write(): readonly string[];
  read(values: readonly string[]): void;
}

/** Parameters that no part binds, but that stay whatever room is open. */
const lasting: readonly string[] = ["lang", "theme", "style"];

/** Writes the query of a room: what is bound, and what others left in `now`; defaults are left out. */
export function writeQuery(
  now: URLSearchParams,
  bound: readonly Bound[],
  room: string,
  moved: boolean,
): string {
  const shown = bound.filter((one) => one.room === null || one.room === room);
  const names = new Set(shown.map((one) => one.name));
  const parts: [string, string][] = [...now].filter(
    ([name]) => lasting.includes(name) || (!moved && !names.has(name)),
  );
  for (const one of shown) for (const value of one.write()) parts.push([one.name, value]);
  const text = new URLSearchParams(parts)
    .toString()
    .replaceAll("%2C", ",")
    .replace(/=(?=&|$)/g, "");
  return text === "" ? "" : `?${text}`;
}
