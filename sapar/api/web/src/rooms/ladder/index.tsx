import { questions } from "../../domain/look";
import { t as say } from "../../i18n";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import * as state from "../../shell/state";
import type { Room, RoomKey } from "../room";
import { shownRoutes, showOnly, turn } from "./choice";
import { Ladder } from "./ladder";
import { t } from "./messages";
import type { Ladders } from "./places";
import "./room.css";
import { Routes } from "./routes";

const renew_ms = 300_000; // a new timetable has other lines

function View() {
  const ladders = useResource<Ladders>("/api/dispatch/ladders.json", { every_ms: renew_ms });
  return (
    <div class="ladder-room">
      <Routes />
      <div class="ladders">
        <Fetched of={ladders} rows={16}>
          {(data) =>
            shownRoutes.value.length === 0 ? (
              <Empty>{t("none")}</Empty>
            ) : (
              shownRoutes.value.map((id) => <Ladder key={id} routeId={id} ladders={data} />)
            )
          }
        </Fetched>
      </div>
      <Legend />
    </div>
  );
}

function Legend() {
  return (
    <ul class="ladder-legend">
      <li>
        <svg viewBox="0 0 28 16" aria-hidden="true">
          <path class="plan" d="M4 12 20 4h6" />
        </svg>
        {t("legendPlan")}
      </li>
      <li>
        <svg viewBox="0 0 28 16" aria-hidden="true">
          <circle class="ghost" cx="14" cy="8" r="6" />
        </svg>
        {t("legendGhost")}
      </li>
      <li>
        <svg viewBox="0 0 28 16" aria-hidden="true" class="tone-warm2">
          <path class="gap" d="M16 2h-6v12h6" />
        </svg>
        {t("legendGap")}
      </li>
      <li>
        <svg viewBox="0 0 28 16" aria-hidden="true" class="tone-cold2">
          <path class="gap" d="M11 2v12M16 2v12" />
        </svg>
        {t("legendBunched")}
      </li>
    </ul>
  );
}

/** Selects the next bus along the rail of the selected one. */
function step(by: 1 | -1): void {
  const { buses } = state.deskNow.value;
  const now = buses.find((bus) => bus.id === state.selectedBus.value);
  if (!now) {
    const first = buses.find((bus) => shownRoutes.value.includes(bus.route_id));
    if (first) state.select({ bus: first.id });
    return;
  }
  const next = by > 0 ? now.ahead_id : (buses.find((bus) => bus.ahead_id === now.id)?.id ?? null);
  if (next !== null) state.select({ bus: next });
}

function nextQuestion(): void {
  const at = questions.indexOf(state.question.value);
  state.question.value = questions[(at + 1) % questions.length] ?? questions[0];
}

const keys: readonly RoomKey[] = [
  {
    code: "KeyF",
    label: "F",
    text: () => t("keyFlip"),
    run: () => {
      for (const id of shownRoutes.value) turn(id);
    },
  },
  {
    code: "KeyR",
    label: "R",
    text: () => t("keyAdd"),
    run: () => {
      state.menuShown.value = true;
      const focus = (): void => document.getElementById("ladder-find")?.focus();
      focus();
      requestAnimationFrame(focus); // where the list was folded away, it is there only then
    },
  },
  { code: "KeyC", label: "C", text: () => say("keyQuestion"), run: nextQuestion },
  {
    code: "ArrowUp",
    shift: true,
    label: "Shift ↑",
    text: () => t("keyAhead"),
    run: () => step(1),
  },
  {
    code: "ArrowDown",
    shift: true,
    label: "Shift ↓",
    text: () => t("keyBehind"),
    run: () => step(-1),
  },
];

export const room: Room = {
  View,
  keys,
  panel: true,
  find(hit) {
    if (hit.kind === "stop") return false;
    if (hit.kind === "route") {
      showOnly(hit.id);
      return true;
    }
    if (hit.kind === "trip" && hit.bus === null) {
      state.select({ trip: hit.id });
      const ghost = state.deskNow.value.ghosts.find((one) => one.trip_id === hit.id);
      if (ghost) showOnly(ghost.route_id);
    } else {
      state.select({ bus: hit.kind === "trip" ? (hit.bus ?? "") : hit.id });
      const route = state.selectedRow.value?.vehicle.route_id;
      if (route) showOnly(route);
    }
    return true;
  },
};
