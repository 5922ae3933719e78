import { type Phase, phases } from "../../data/types";
import { shapeOfPhase } from "../../domain/look";
import { t } from "../../i18n";
import { Count } from "../../kit/count";
import { Glyph } from "../../kit/glyph";
import * as state from "../../shell/state";
import { phaseWords } from "../../vehicle/words";
import { hiddenPhases } from "./filters";

function toggle(phase: Phase, on: boolean): void {
  const next = new Set(hiddenPhases.value);
  if (on) next.delete(phase);
  else next.add(phase);
  hiddenPhases.value = next;
}

/** Whether one state alone is shown. */
function isAlone(phase: Phase): boolean {
  const hidden = hiddenPhases.value;
  return hidden.size === phases.length - 1 && !hidden.has(phase);
}

/** The states with their glyphs and their vehicles now: a legend that filters the map and the list. */
export function States() {
  const counts = new Map<Phase, number>();
  for (const { vehicle } of state.rows.value) {
    counts.set(vehicle.phase, (counts.get(vehicle.phase) ?? 0) + 1);
  }
  return (
    <section class="states" aria-labelledby="states-title">
      <h2 id="states-title">{t("states")}</h2>
      <ul>
        {phases.map((phase) => (
          <Line key={phase} phase={phase} n={counts.get(phase) ?? 0} />
        ))}
      </ul>
    </section>
  );
}

function Line({ phase, n }: { phase: Phase; n: number }) {
  const words = phaseWords(phase);
  const alone = isAlone(phase);
  const only = alone ? t("allStates") : t("onlyState", { state: words });
  return (
    <li>
      <label>
        <input
          type="checkbox"
          checked={!hiddenPhases.value.has(phase)}
          onChange={(event) => toggle(phase, event.currentTarget.checked)}
        />
        <Glyph shape={shapeOfPhase[phase]} tone="even" />
        <span class="name">{words}</span>
      </label>
      <Count n={n} />
      <button
        type="button"
        class="icon bare"
        aria-pressed={alone}
        title={only}
        onClick={() => {
          hiddenPhases.value = new Set(alone ? [] : phases.filter((one) => one !== phase));
        }}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 3h12L9.5 8.5v4.5l-3-1.5v-3Z" />
        </svg>
        <span class="hidden">{only}</span>
      </button>
    </li>
  );
}
