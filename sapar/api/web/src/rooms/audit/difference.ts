/** What differs between two plain values, member by member. */

export interface Difference {
  /** The way to the member, "roles" or "body.stop_ids.2"; "" for the value itself. */
  readonly path: string;
  /** As text, lists of words with commas, all else as JSON; null where there was nothing. */
  readonly before: string | null;
  readonly after: string | null;
}

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Members that differ, in order; lists are compared whole. `null` and "" stand for nothing. */
export function differences(before: unknown, after: unknown, path = ""): readonly Difference[] {
  if (isPlain(before) || isPlain(after)) {
    const old = isPlain(before) ? before : {};
    const now = isPlain(after) ? after : {};
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
    return names.flatMap((name) =>
      differences(old[name], now[name], path === "" ? name : `${path}.${name}`),
    );
  }
  const [was, is] = [written(before), written(after)];
  return was === is ? [] : [{ path, before: was, after: is }];
}

function written(value: unknown): string | null {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string") return value;
  const words = Array.isArray(value) && value.every((one) => typeof one === "string");
  return words ? value.join(", ") : JSON.stringify(value);
}
