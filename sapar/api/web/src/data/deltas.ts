/**
 * The stream's text and what it says: events out of chunks, and a state out of a snapshot and the
 * changes after it. Pure; docs/api.md has the rules.
 */
import type { Console } from "./console";
import type { Fleet, Vehicle } from "./types";

/** An event of the stream (HTML standard, "Server-sent events"). */
export interface StreamEvent {
  readonly name: string;
  readonly data: string;
  /** The last id that was told, "" before any. */
  readonly id: string;
}

/** Cuts text, however it is divided, into events. */
export class EventReader {
  #rest = "";
  #id = "";
  #name = "";
  #data: string[] = [];

  /** Takes the next piece of text; gives the events that it completes. */
  take(text: string): StreamEvent[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    const events: StreamEvent[] = [];
    for (const ended of lines) {
      const line = ended.endsWith("\r") ? ended.slice(0, -1) : ended;
      if (line === "") {
        if (this.#data.length > 0) {
          const name = this.#name || "message";
          events.push({ name, data: this.#data.join("\n"), id: this.#id });
        }
        this.#name = "";
        this.#data = [];
      } else this.#field(line);
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment keeps the connection alive
    const name = colon < 0 ? line : line.slice(0, colon);
    const begin = line[colon + 1] === " " ? colon + 2 : colon + 1;
    const value = colon < 0 ? "" : line.slice(begin);
    if (name === "event") this.#name = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.#id = value;
  }
}

type Row = Readonly<Record<string, unknown>>;
type Key = string | readonly unknown[];

/** Rows that are new or changed, and the keys of those that are no longer there. */
export interface Change {
  readonly set: readonly Row[];
  readonly gone: readonly Key[];
}

export interface Snapshot {
  readonly fleet: Fleet;
  readonly console: Console | null;
}

export interface Delta extends Change {
  readonly console: Readonly<Record<string, unknown>> | null;
  readonly [member: string]: unknown;
}

/** What names a row of each list of the console. */
const consoleKeys: Readonly<Record<string, readonly string[]>> = {
  buses: ["id"],
  ghosts: ["trip_id", "start_s"],
  alarms: ["key"],
  routes: ["route_id", "direction"],
};

/** Rows by key, in the order in which they came. */
class Rows {
  readonly #members: readonly string[];
  readonly #rows = new Map<string, Row>();

  constructor(members: readonly string[], rows: readonly Row[] = []) {
    this.#members = members;
    for (const row of rows) this.#rows.set(this.#keyOf(row), row);
  }

  #keyOf(row: Row): string {
    const [only] = this.#members;
    if (this.#members.length === 1 && only !== undefined) return String(row[only]);
    return JSON.stringify(this.#members.map((member) => row[member] ?? null));
  }

  /** `gone` first: a row that lost a member is taken away and set anew. */
  apply({ gone, set }: Change): void {
    for (const key of gone) {
      this.#rows.delete(typeof key === "string" ? key : JSON.stringify(key));
    }
    for (const change of set) {
      const key = this.#keyOf(change);
      const before = this.#rows.get(key);
      this.#rows.set(key, before ? { ...before, ...change } : change);
    }
  }

  list(): readonly Row[] {
    return [...this.#rows.values()];
  }
}

/** A state that follows the stream. Rows that did not change stay the same objects. */
export class LiveState {
  #head: Row;
  readonly #vehicles: Rows;
  #console: { head: Row; readonly lists: ReadonlyMap<string, Rows> } | null = null;

  constructor(snapshot: Snapshot) {
    const { vehicles, ...head } = snapshot.fleet;
    this.#head = head;
    this.#vehicles = new Rows(["id"], vehicles as readonly unknown[] as readonly Row[]);
    if (snapshot.console) this.#readConsole(snapshot.console as unknown as Row);
  }

  #readConsole(body: Row): void {
    const lists = new Map<string, Rows>();
    const head: Record<string, unknown> = { ...body };
    for (const [name, members] of Object.entries(consoleKeys)) {
      lists.set(name, new Rows(members, (body[name] ?? []) as readonly Row[]));
      delete head[name];
    }
    this.#console = { head, lists };
  }

  /** Moves on to the tick of a delta. */
  apply(delta: Delta): void {
    const { set, gone, console: desk, ...head } = delta;
    this.#head = head;
    this.#vehicles.apply({ set, gone });
    if (desk === null) {
      this.#console = null;
      return;
    }
    if (!this.#console) this.#readConsole({});
    const known = this.#console;
    if (!known) return;
    const others: Record<string, unknown> = { ...desk };
    for (const [name, rows] of known.lists) {
      rows.apply(desk[name] as Change);
      delete others[name];
    }
    known.head = others;
  }

  get fleet(): Fleet {
    const vehicles = this.#vehicles.list() as readonly unknown[] as readonly Vehicle[];
    return { ...(this.#head as unknown as Omit<Fleet, "vehicles">), vehicles };
  }

  get console(): Console | null {
    if (!this.#console) return null;
    const lists = [...this.#console.lists].map(([name, rows]) => [name, rows.list()]);
    return { ...this.#console.head, ...Object.fromEntries(lists) } as unknown as Console;
  }
}
