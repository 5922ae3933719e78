import { t } from "../i18n";
import { IconButton } from "../kit/icon";
import type { Entry } from "../rooms/room";
import { go, hrefOf, place } from "./query";
import { visibleEntries } from "./rooms";
import * as state from "./state";

const groups = ["live", "desk", "past", "finance"] as const;

function letterOf({ after }: Entry): string {
  return after === null ? "" : after.replace("Key", "");
}

/** The rooms, as links: they can be opened beside, and each says its key. */
export function Nav() {
  return (
    <nav class={`rooms ${state.menuShown.value ? "is-open" : ""}`} aria-label={t("rooms")}>
      {groups.map((group) => {
        const listed = visibleEntries.value.filter((one) => one.group === group && !one.unlisted);
        return listed.length === 0 ? null : (
          <ul key={group}>
            {listed.map((entry) => (
              <li key={entry.path}>
                <RoomLink entry={entry} />
              </li>
            ))}
          </ul>
        );
      })}
    </nav>
  );
}

/** A link to a room that is opened in this page. */
export function RoomLink({ entry }: { entry: Entry }) {
  const here = place.value.room === entry.path;
  const letter = letterOf(entry);
  return (
    <a
      href={hrefOf(entry.path)}
      aria-current={here ? "page" : undefined}
      title={letter ? `${t(entry.name)} (G ${letter})` : t(entry.name)}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        state.menuShown.value = false;
        go({ room: entry.path });
      }}
    >
      {t(entry.name)}
    </a>
  );
}

/** Opens the list of rooms (and the room's own filters) where the screen is narrow. */
export function MenuButton() {
  return (
    <IconButton
      icon="menu"
      class="menu-button"
      title={t("openMenu")}
      expanded={state.menuShown.value}
      onClick={() => {
        state.menuShown.value = !state.menuShown.value;
      }}
    />
  );
}
