/** The room on the screen: its code is fetched when it is first opened. */
import { computed, effect, signal } from "@preact/signals";
import { t } from "../i18n";
import { Failed } from "../kit/states";
import { entries, entryOf, loadRoom } from "../rooms/registry";
import type { Entry, Room } from "../rooms/room";
import { may, me } from "./me";
import { go, place } from "./query";

/** The room whose code has arrived; null while it has not. */
export const openRoom = signal<Room | null>(null);
const failure = signal<string | null>(null);
const tries = signal(0);

function isVisible(entry: Entry): boolean {
  return entry.roles.length === 0 || may(...entry.roles);
}

/** The rooms that the person on this page may open, in order. */
export const visibleEntries = computed<readonly Entry[]>(() => entries.filter(isVisible));

/** Follows the address to its room; whoever may not see the map begins where there is something. */
export function followRooms(): void {
  effect(() => {
    const [begin] = visibleEntries.value;
    if (me.value && place.value.room === "map" && !may("viewer") && begin) go({ room: begin.path });
  });
  effect(() => {
    const { room: path } = place.value;
    void tries.value;
    let current = true;
    failure.value = null;
    if (!entryOf(path)) {
      openRoom.value = null;
      failure.value = "no_such_room";
      return;
    }
    loadRoom(path).then(
      (room) => {
        if (current) openRoom.value = room;
      },
      () => {
        // An old page asks for files of an old build, or the network is away.
        if (current) failure.value = "room_not_loaded";
      },
    );
    return () => {
      current = false;
    };
  });
}

/** What stands below the strip. */
export function RoomPlace() {
  const { room: path } = place.value;
  const entry = entryOf(path);
  const room = openRoom.value;
  if (me.value?.password_temporary) return <SignIn />;
  if (entry && entry.roles.length > 0) {
    if (me.value === undefined) return <div class="bones" aria-hidden="true" />;
    if (!isVisible(entry)) return <Closed />;
  }
  if (failure.value !== null) {
    const missing = failure.value === "no_such_room";
    return (
      <Failed
        text={t(missing ? "noSuchRoom" : "roomNotLoaded", { room: path })}
        code={failure.value}
        {...(missing ? {} : { retry: () => (tries.value += 1) })}
      />
    );
  }
  return room ? <room.View key={path} /> : <div class="bones" aria-hidden="true" />;
}

/** A room that this person may not enter: sign in, or ask for the role. */
function Closed() {
  const signIn = entryOf("sign-in");
  if (me.value === null && signIn) return <SignIn />;
  return <Failed text={t(me.value === null ? "signInFirst" : "roleMissing")} code="role_missing" />;
}

const signInRoom = signal<Room | null>(null);

/** The sign-in in the place of the room: after it the room opens where the address says. */
function SignIn() {
  if (signInRoom.value === null) {
    void loadRoom("sign-in").then((room) => {
      signInRoom.value = room;
    });
    return <div class="bones" aria-hidden="true" />;
  }
  const { View } = signInRoom.value;
  return <View />;
}
