/** All rooms of the console, in the order of the list. A line counts once its folder is there. */
import type { Entry, Room } from "./room";

const found = import.meta.glob<{ readonly room: Room }>("./*/index.tsx");

/** Who looks at money, and who looks at cards and tariffs besides. */
const money = ["accountant", "chief_accountant", "auditor"] as const;
const cash = ["cashier", ...money] as const;

const lines: readonly Entry[] = [
  { path: "map", name: "room_map", roles: ["viewer"], after: "KeyM", group: "live" },
  { path: "ladder", name: "room_ladder", roles: ["viewer"], after: "KeyL", group: "live" },
  { path: "stringline", name: "room_stringline", roles: ["viewer"], after: "KeyS", group: "live" },
  { path: "headways", name: "room_headways", roles: ["viewer"], after: "KeyH", group: "live" },
  { path: "exceptions", name: "room_exceptions", roles: ["viewer"], after: "KeyE", group: "desk" },
  { path: "acts", name: "room_acts", roles: ["viewer"], after: "KeyA", group: "desk" },
  { path: "detour", name: "room_detour", roles: ["dispatcher"], after: "KeyO", group: "desk" },
  { path: "alerts", name: "room_alerts", roles: ["viewer"], after: "KeyB", group: "desk" },
  { path: "messages", name: "room_messages", roles: ["viewer"], after: "KeyC", group: "desk" },
  { path: "reports", name: "room_reports", roles: ["viewer"], after: "KeyR", group: "desk" },
  { path: "replay", name: "room_replay", roles: ["viewer"], after: "KeyV", group: "past" },
  {
    path: "performance",
    name: "room_performance",
    roles: ["viewer"],
    after: "KeyP",
    group: "past",
  },
  { path: "devices", name: "room_devices", roles: ["viewer"], after: "KeyD", group: "past" },
  { path: "rules", name: "room_rules", roles: ["viewer"], after: "KeyW", group: "past" },
  { path: "finance", name: "room_finance", roles: money, after: "KeyF", group: "finance" },
  { path: "close", name: "room_close", roles: money, after: "KeyZ", group: "finance" },
  { path: "explain", name: "room_explain", roles: money, after: "KeyI", group: "finance" },
  { path: "cards", name: "room_cards", roles: cash, after: "KeyN", group: "finance" },
  { path: "tariffs", name: "room_tariffs", roles: cash, after: "KeyY", group: "finance" },
  { path: "bank", name: "room_bank", roles: money, after: null, group: "finance" },
  { path: "matching", name: "room_matching", roles: money, after: "KeyX", group: "finance" },
  { path: "agents", name: "room_agents", roles: money, after: "KeyG", group: "finance" },
  { path: "carriers", name: "room_carriers", roles: money, after: "KeyQ", group: "finance" },
  { path: "people", name: "room_people", roles: ["admin"], after: "KeyU", group: "house" },
  { path: "keys", name: "room_keys", roles: ["admin"], after: "KeyK", group: "house" },
  { path: "audit", name: "room_audit", roles: ["auditor"], after: "KeyJ", group: "house" },
  {
    path: "sign-in",
    name: "room_sign_in",
    roles: [],
    after: null,
    group: "house",
    unlisted: true,
  },
];

export const entries: readonly Entry[] = lines.filter(({ path }) => fileOf(path) in found);

function fileOf(path: string): string {
  return `./${path}/index.tsx`;
}

/** The line of a room, or undefined when there is none of that name. */
export function entryOf(path: string): Entry | undefined {
  return entries.find((entry) => entry.path === path);
}

/** Fetches a room's code. */
export async function loadRoom(path: string): Promise<Room> {
  const load = found[fileOf(path)];
  if (!load) throw new Error(`no room ${path}`);
  return (await load()).room;
}
