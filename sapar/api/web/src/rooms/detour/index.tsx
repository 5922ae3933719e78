import { useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t as say } from "../../i18n";
import { undoNewest } from "../../kit/toast";
import { MapCanvas } from "../../map/canvas";
import { usePreview } from "../acts/looking";
import type { Room } from "../room";
import { CheckStep } from "./check";
import { DrawStep } from "./draw";
import { back, drawing, forth, history, removeLast } from "./drawing";
import { t } from "./messages";
import { RouteStep } from "./route";
import "../acts/room.css";
import "./room.css";
import { cause, found, period, route, type Step, step, steps, what } from "./stage";
import { TellStep } from "./tell";

function View() {
  const looked = usePreview(what.value, period.value, cause.value);
  useEffect(() => {
    found.value = looked.preview;
  }, [looked.preview]);
  useSignalEffect(() => {
    if (route.value === null && step.peek() !== "tell") step.value = "route";
  });
  return (
    <div class="detour">
      <section class="detour-side" aria-label={t("steps")}>
        <ol class="detour-steps">
          {steps.map((name, number) => (
            <li key={name} {...(name === step.value ? { "aria-current": "step" as const } : {})}>
              {number + 1} {t(`step_${name}`)}
            </li>
          ))}
        </ol>
        {step.value === "route" && <RouteStep />}
        {step.value === "draw" && <DrawStep looked={looked} />}
        {step.value === "check" && <CheckStep looked={looked} />}
        {step.value === "tell" && <TellStep />}
      </section>
      <section class="detour-map" aria-label={t("mapOf")}>
        <MapCanvas
          load={async () => {
            const { DetourMap } = await import("./map");
            return (element, below) => new DetourMap(element, below, null);
          }}
        />
        <ul class="detour-legend">
          <li class="is-closed">{t("closed")}</li>
          <li class="is-way">{t("newWay")}</li>
          <li class="is-missed">{t("missedStop")}</li>
        </ul>
      </section>
    </div>
  );
}

/** Whether a step may be left for the next one. */
export function mayGoOn(from: Step): boolean {
  if (from === "route") return route.value !== null;
  if (from === "draw") return (found.value?.lines.length ?? 0) > 0;
  return false;
}

function goOn(): void {
  const next = steps[steps.indexOf(step.value) + 1];
  if (next && mayGoOn(step.value)) step.value = next;
}

function typing(): boolean {
  return document.activeElement?.matches("input, textarea, select, button, a") ?? false;
}

export const room: Room = {
  View,
  keys: [
    { code: "KeyU", label: "U", text: () => say("undo"), run: () => void undoNewest() },
    {
      code: "Backspace",
      label: "⌫",
      text: () => t("keyLast"),
      run: () => {
        if (step.value === "draw") removeLast();
      },
    },
    {
      code: "KeyZ",
      ctrl: true,
      label: "Ctrl Z",
      text: () => t("keyUndo"),
      run: () => {
        if (step.value === "draw") history.value = back(history.value);
      },
    },
    {
      code: "KeyY",
      ctrl: true,
      label: "Ctrl Y",
      text: () => t("keyRedo"),
      run: () => {
        if (step.value === "draw") history.value = forth(history.value);
      },
    },
    {
      code: "Enter",
      label: "Enter",
      text: () => t("keyNext"),
      run: () => {
        if (!typing()) goOn();
      },
    },
  ],
  find(hit) {
    if (hit.kind !== "route") return false;
    if (step.value === "route" || drawing.value.path.length === 0) route.value = hit.id;
    return true;
  },
};
