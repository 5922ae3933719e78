/** What a room is to the house. */
import type { ComponentType } from "preact";
import type { Hit } from "../domain/search";
import type { Key } from "../i18n";
import type { Role } from "../shell/me";

/** A key of a room, by its place on the keyboard (`KeyboardEvent.code`). */
export interface RoomKey {
  readonly code: string;
  readonly shift?: boolean;
  readonly ctrl?: boolean;
  /** As the help shows it: "Y", "Shift →", "Ctrl Enter". */
  readonly label: string;
  /** What it does, in the page's language. */
  text(): string;
  run(): void;
}

/** What a room's `index.tsx` exports as `room`. */
export interface Room {
  readonly View: ComponentType;
  /** Asked for at every press and by the help; letters among them can be switched off. */
  readonly keys?: readonly RoomKey[];
  /** Whether the selected bus's panel stands beside it. */
  readonly panel?: boolean;
  /** Takes what the search found and gives true, or false when the map should show it. */
  find?(hit: Hit): boolean;
  /** Esc, when nothing of the house is open; gives whether it did something. */
  close?(): boolean;
}

/** A line of the registry. */
export interface Entry {
  /** Folder below `rooms/` and the last part of the address. */
  readonly path: string;
  readonly name: Key;
  /** Who sees it; any of these. None: everybody, signed in or not. */
  readonly roles: readonly Role[];
  /** `KeyboardEvent.code` of the key after G; null for none. */
  readonly after: string | null;
  readonly group: "live" | "desk" | "past" | "finance" | "house";
  /** Not in the list of rooms: it is opened from another one, or by its address. */
  readonly unlisted?: boolean;
}
