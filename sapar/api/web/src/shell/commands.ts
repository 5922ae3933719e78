/** Performs what keys ask for. */
import { questions } from "../domain/look";
import { listRows } from "../live/list";
import { mapCommands } from "../live/stage";
import { type Command, commandOf } from "./keys";
import * as state from "./state";

const actions: Readonly<Record<Command, () => void>> = {
  search: () => document.getElementById("search")?.focus(),
  help: () => {
    state.helpShown.value = true;
  },
  close: () => {
    if (state.helpShown.value) state.helpShown.value = false;
    else if (state.routesShown.value) state.routesShown.value = false;
    else state.selected.value = null;
  },
  question: () => {
    const at = questions.indexOf(state.question.value);
    state.question.value = questions[(at + 1) % questions.length] ?? "adherence";
  },
  exceptions: () => {
    state.exceptionsOnly.value = !state.exceptionsOnly.value;
  },
  nextException: () => step(1, true),
  nextRow: () => step(1, false),
  previousRow: () => step(-1, false),
  fit: mapCommands.fit,
  map: () => {
    state.listShown.value = false;
  },
  list: () => {
    state.listShown.value = true;
  },
};

function step(by: number, exceptions: boolean): void {
  const rows = listRows().filter(({ look }) => !exceptions || look.exception);
  if (rows.length === 0) return;
  const at = rows.findIndex(({ vehicle }) => vehicle.id === state.selected.value);
  const next =
    rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : (at + by + rows.length) % rows.length];
  if (!next) return;
  state.selected.value = next.vehicle.id;
  if (!state.listShown.value) mapCommands.goTo(next.vehicle.lon, next.vehicle.lat);
}

/** Listens for keys as long as the page lives. */
export function listenForKeys(): void {
  let waiting = false;
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    const typing =
      target?.matches("input:not([type=checkbox]), textarea, select, [contenteditable]") ?? false;
    const press = {
      code: event.code,
      shift: event.shiftKey,
      modified: event.ctrlKey || event.altKey || event.metaKey,
      typing,
    };
    const result = commandOf(press, waiting, state.lettersOn.value);
    waiting = result.waiting;
    if (result.command === null) return;
    if (result.command !== "close") event.preventDefault();
    actions[result.command]();
  });
}
