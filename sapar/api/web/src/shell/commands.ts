/** Performs what keys ask for. */
import { entries, entryOf } from "../rooms/registry";
import { type Meaning, meaningOf } from "./keys";
import { go } from "./query";
import { openRoom, visibleEntries } from "./rooms";
import * as state from "./state";

const after: Readonly<Record<string, string>> = Object.fromEntries(
  entries.flatMap(({ after: code, path }) => (code === null ? [] : [[code, path]])),
);

function close(): void {
  if (state.helpShown.value) state.helpShown.value = false;
  else if (state.menuShown.value) state.menuShown.value = false;
  else if (openRoom.value?.close?.()) return;
  else {
    state.select();
    state.selectedStop.value = null;
  }
}

function perform(meaning: Meaning): void {
  if (meaning.kind === "search") document.getElementById("search")?.focus();
  else if (meaning.kind === "help") state.helpShown.value = true;
  else if (meaning.kind === "close") close();
  else if (meaning.kind === "list") go({ room: "map" }, { view: "list" });
  else if (meaning.kind === "key") openRoom.value?.keys?.[meaning.index]?.run();
  else if (meaning.kind === "room") {
    const entry = entryOf(meaning.path);
    if (entry && visibleEntries.value.includes(entry)) {
      go({ room: entry.path }, entry.path === "map" ? { view: null } : {});
    }
  }
}

/** Listens for keys as long as the page lives. */
export function listenForKeys(): void {
  let waiting = false;
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    const typing =
      target?.matches(
        "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]",
      ) ?? false;
    // A dialog has its own keys; Esc closes it without us.
    if (document.querySelector("dialog[open]") && !state.helpShown.value) return;
    const press = {
      code: event.code,
      shift: event.shiftKey,
      ctrl: event.ctrlKey,
      foreign: event.altKey || event.metaKey,
      typing,
    };
    const keys = openRoom.value?.keys ?? [];
    const meaning = meaningOf(press, waiting, state.lettersOn.value, after, keys);
    waiting = meaning.kind === "none" && meaning.waiting;
    if (meaning.kind === "none") return;
    if (meaning.kind !== "close") event.preventDefault();
    perform(meaning);
  });
}
